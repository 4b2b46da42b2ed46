// Verifies a log written by us with code that is not ours: the reference
// implementation of notes and tiles, golang.org/x/mod/sumdb.
//
// usage: main LOG_DIRECTORY VKEY
//
// Checks the checkpoint's signature, the root from the tiles, and the inclusion
// of every entry. Prints "OK <size>".
package main

import (
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

const height = 8

// directory serves tiles from files. It falls back to full tiles, as clients may.
type directory string

func (d directory) Height() int { return height }

func (d directory) SaveTiles([]tlog.Tile, [][]byte) {}

func (d directory) read(t tlog.Tile) ([]byte, error) {
	// The library's paths name the height; those of tlog-tiles do not.
	path := strings.Replace(t.Path(), "tile/8/", "tile/", 1)
	path = strings.Replace(path, "tile/data/", "tile/entries/", 1)
	data, err := os.ReadFile(filepath.Join(string(d), path))
	if os.IsNotExist(err) && t.W < 1<<height {
		full := t
		full.W = 1 << height
		return d.read(full)
	}
	return data, err
}

func (d directory) ReadTiles(tiles []tlog.Tile) ([][]byte, error) {
	var all [][]byte
	for _, t := range tiles {
		data, err := d.read(t)
		if err != nil {
			return nil, err
		}
		if want := t.W * tlog.HashSize; len(data) > want {
			data = data[:want]
		}
		all = append(all, data)
	}
	return all, nil
}

// entries reads those of the bundle that starts at `first`.
func (d directory) entries(first, size int64) ([][]byte, error) {
	width := size - first
	if width > 1<<height {
		width = 1 << height
	}
	data, err := d.read(tlog.Tile{H: height, L: -1, N: first >> height, W: int(width)})
	if err != nil {
		return nil, err
	}
	var all [][]byte
	for int64(len(all)) < width {
		if len(data) < 2 {
			return nil, fmt.Errorf("bundle at %d is cut off", first)
		}
		n := int(binary.BigEndian.Uint16(data))
		if len(data) < 2+n {
			return nil, fmt.Errorf("entry %d is cut off", first+int64(len(all)))
		}
		all = append(all, data[2:2+n])
		data = data[2+n:]
	}
	return all, nil
}

func verify(dir, vkey string) (int64, error) {
	verifier, err := note.NewVerifier(vkey)
	if err != nil {
		return 0, err
	}
	msg, err := os.ReadFile(filepath.Join(dir, "checkpoint"))
	if err != nil {
		return 0, err
	}
	opened, err := note.Open(msg, note.VerifierList(verifier))
	if err != nil {
		return 0, err
	}
	lines := strings.Split(opened.Text, "\n")
	if len(lines) != 4 || lines[0] != verifier.Name() {
		return 0, fmt.Errorf("malformed checkpoint")
	}
	size, err := strconv.ParseInt(lines[1], 10, 64)
	if err != nil {
		return 0, err
	}
	var root tlog.Hash
	decoded, err := base64.StdEncoding.DecodeString(lines[2])
	if err != nil || len(decoded) != tlog.HashSize {
		return 0, fmt.Errorf("malformed root")
	}
	copy(root[:], decoded)

	d := directory(dir)
	hashes := tlog.TileHashReader(tlog.Tree{N: size, Hash: root}, d)
	computed, err := tlog.TreeHash(size, hashes)
	if err != nil {
		return 0, err
	}
	if computed != root {
		return 0, fmt.Errorf("root mismatch")
	}
	for first := int64(0); first < size; first += 1 << height {
		entries, err := d.entries(first, size)
		if err != nil {
			return 0, err
		}
		for i, entry := range entries {
			index := first + int64(i)
			proof, err := tlog.ProveRecord(size, index, hashes)
			if err != nil {
				return 0, err
			}
			if err := tlog.CheckRecord(proof, size, root, index, tlog.RecordHash(entry)); err != nil {
				return 0, fmt.Errorf("entry %d: %v", index, err)
			}
		}
	}
	return size, nil
}

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: main LOG_DIRECTORY VKEY")
		os.Exit(2)
	}
	size, err := verify(os.Args[1], os.Args[2])
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Println("OK", size)
}
