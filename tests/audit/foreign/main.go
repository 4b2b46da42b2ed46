// Verifies logs written by us with code that is not ours: the reference
// implementation of notes, trees and tiles, golang.org/x/mod/sumdb.
//
// Reads one case a line from standard input, fields separated by tabs:
//
//	log       DIRECTORY  VKEY  [OLD_CHECKPOINT_FILE...]
//	cosigned  NOTE_FILE  LOG_VKEY  WITNESS_VKEY
//
// and prints a line for each: "OK" and the size, or "FAIL" and why.
//
// A log is what its key claims if the checkpoint is signed, every entry is included
// in it, every tile and every part of one that lies about is that of the tree of the
// entries, and every older checkpoint, kept or given, is consistent with it.
package main

import (
	"bufio"
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

const (
	height = 8
	width  = 1 << height
)

// --- checkpoints ---

// canonicalBase64 decodes what encodes to the same text again; the library is lenient.
func canonicalBase64(text string) ([]byte, error) {
	decoded, err := base64.StdEncoding.DecodeString(text)
	if err == nil && base64.StdEncoding.EncodeToString(decoded) != text {
		err = errors.New("base64 that is not canonical")
	}
	return decoded, err
}

// openNote opens a note that each of the verifiers has signed. The library looks at
// the first signature of a key only; here a wrong one condemns the note wherever it is.
func openNote(msg []byte, verifiers ...note.Verifier) (*note.Note, error) {
	opened, err := note.Open(msg, note.VerifierList(verifiers...))
	if err != nil {
		return nil, err
	}
	if len(opened.Sigs) < len(verifiers) {
		return nil, errors.New("not signed by all")
	}
	block := string(msg[bytes.LastIndex(msg, []byte("\n\n"))+2:])
	for _, line := range strings.Split(strings.TrimSuffix(block, "\n"), "\n") {
		fields := strings.Split(line, " ")
		if len(fields) != 3 {
			return nil, errors.New("malformed signature line")
		}
		signature, err := canonicalBase64(fields[2])
		if err != nil {
			return nil, err
		}
		for _, v := range verifiers {
			if fields[1] == v.Name() && binary.BigEndian.Uint32(signature) == v.KeyHash() &&
				!v.Verify([]byte(opened.Text), signature[4:]) {
				return nil, errors.New("wrong signature of a known key")
			}
		}
	}
	return opened, nil
}

func openCheckpoint(msg []byte, log note.Verifier, others ...note.Verifier) (tlog.Tree, error) {
	opened, err := openNote(msg, append([]note.Verifier{log}, others...)...)
	if err != nil {
		return tlog.Tree{}, err
	}
	lines := strings.Split(opened.Text, "\n")
	if len(lines) != 4 || lines[0] != log.Name() {
		return tlog.Tree{}, errors.New("malformed checkpoint")
	}
	size, err := strconv.ParseInt(lines[1], 10, 64)
	if err != nil || size < 0 || strconv.FormatInt(size, 10) != lines[1] {
		return tlog.Tree{}, errors.New("malformed size")
	}
	root, err := canonicalBase64(lines[2])
	if err != nil || len(root) != tlog.HashSize {
		return tlog.Tree{}, errors.New("malformed root")
	}
	tree := tlog.Tree{N: size}
	copy(tree.Hash[:], root)
	return tree, nil
}

// cosigner verifies cosignatures of C2SP tlog-cosignature, which the library has not.
type cosigner struct {
	name string
	hash uint32
	key  ed25519.PublicKey
}

func newCosigner(vkey string) (*cosigner, error) {
	fields := strings.SplitN(vkey, "+", 3)
	if len(fields) != 3 {
		return nil, errors.New("malformed verifier key")
	}
	key, err := canonicalBase64(fields[2])
	if err != nil || len(key) != 1+ed25519.PublicKeySize || key[0] != 4 {
		return nil, errors.New("not a key for cosignatures")
	}
	sum := sha256.Sum256(append([]byte(fields[0]+"\n"), key...))
	if fmt.Sprintf("%x", sum[:4]) != fields[1] {
		return nil, errors.New("key id of another key")
	}
	return &cosigner{fields[0], binary.BigEndian.Uint32(sum[:]), key[1:]}, nil
}

func (c *cosigner) Name() string    { return c.name }
func (c *cosigner) KeyHash() uint32 { return c.hash }
func (c *cosigner) Verify(msg, sig []byte) bool {
	if len(sig) != 8+ed25519.SignatureSize {
		return false
	}
	signed := fmt.Sprintf("cosignature/v1\ntime %d\n%s", binary.BigEndian.Uint64(sig), msg)
	return ed25519.Verify(c.key, []byte(signed), sig[8:])
}

// --- files ---

// directory reads tiles from files, each of the length that its width demands.
type directory string

func (d directory) Height() int { return height }

func (d directory) SaveTiles([]tlog.Tile, [][]byte) {}

// path as tlog-tiles has it: the library's paths name the height.
func (d directory) path(t tlog.Tile) string {
	path := strings.Replace(t.Path(), "tile/8/", "tile/", 1)
	return filepath.Join(string(d), strings.Replace(path, "tile/data/", "tile/entries/", 1))
}

// read falls back to the full tile, as clients may, and says how wide the file is.
func (d directory) read(t tlog.Tile) ([]byte, int, error) {
	data, err := os.ReadFile(d.path(t))
	if errors.Is(err, fs.ErrNotExist) && t.W < width {
		t.W = width
		return d.read(t)
	}
	return data, t.W, err
}

func (d directory) readHashes(t tlog.Tile) ([]byte, error) {
	data, w, err := d.read(t)
	if err == nil && len(data) != w*tlog.HashSize {
		err = fmt.Errorf("%s: %d bytes", d.path(t), len(data))
	}
	if err != nil {
		return nil, err
	}
	return data[:t.W*tlog.HashSize], nil
}

func (d directory) ReadTiles(tiles []tlog.Tile) ([][]byte, error) {
	var all [][]byte
	for _, t := range tiles {
		data, err := d.readHashes(t)
		if err != nil {
			return nil, err
		}
		all = append(all, data)
	}
	return all, nil
}

// splitBundle takes a bundle of exactly `count` entries apart.
func splitBundle(data []byte, count int) ([][]byte, error) {
	var entries [][]byte
	for len(data) > 0 {
		if len(data) < 2 {
			return nil, errors.New("cut off")
		}
		n := 2 + int(binary.BigEndian.Uint16(data))
		if len(data) < n {
			return nil, errors.New("cut off")
		}
		entries = append(entries, data[2:n])
		data = data[n:]
	}
	if len(entries) != count {
		return nil, fmt.Errorf("%d entries", len(entries))
	}
	return entries, nil
}

func (d directory) readBundle(t tlog.Tile) ([][]byte, error) {
	data, w, err := d.read(t)
	if err != nil {
		return nil, err
	}
	entries, err := splitBundle(data, w)
	if err != nil {
		return nil, fmt.Errorf("%s: %v", d.path(t), err)
	}
	return entries[:t.W], nil
}

// checkPartials compares the partial files of a tile, up to its width.
func (d directory) checkPartials(t tlog.Tile, prefix func(w int) []byte) error {
	full := t
	full.W = width
	folder := d.path(full) + ".p"
	files, err := os.ReadDir(folder)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	for _, file := range files {
		w, err := strconv.Atoi(file.Name())
		if err != nil || strconv.Itoa(w) != file.Name() || w < 1 || w > t.W {
			continue
		}
		data, err := os.ReadFile(filepath.Join(folder, file.Name()))
		if err != nil {
			return err
		}
		if !bytes.Equal(data, prefix(w)) {
			return fmt.Errorf("%s/%s: changed", folder, file.Name())
		}
	}
	return nil
}

// --- the log ---

// memory holds the hashes of a tree as the library stores them.
type memory []tlog.Hash

func (m memory) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	hashes := make([]tlog.Hash, len(indexes))
	for i, index := range indexes {
		if index < 0 || index >= int64(len(m)) {
			return nil, errors.New("no such hash")
		}
		hashes[i] = m[index]
	}
	return hashes, nil
}

// rootOf differs from the library's for no entries, where RFC 6962 is followed.
func (m memory) rootOf(size int64) (tlog.Hash, error) {
	if size == 0 {
		return sha256.Sum256(nil), nil
	}
	return tlog.TreeHash(size, m)
}

func (d directory) readEntries(size int64) (memory, error) {
	var m memory
	for first := int64(0); first < size; first += width {
		w := size - first
		if w > width {
			w = width
		}
		bundle := tlog.Tile{H: height, L: -1, N: first / width, W: int(w)}
		entries, err := d.readBundle(bundle)
		if err != nil {
			return nil, err
		}
		var data []byte
		ends := []int{0}
		for i, entry := range entries {
			hashes, err := tlog.StoredHashes(first+int64(i), entry, m)
			if err != nil {
				return nil, err
			}
			m = append(m, hashes...)
			data = append(binary.BigEndian.AppendUint16(data, uint16(len(entry))), entry...)
			ends = append(ends, len(data))
		}
		err = d.checkPartials(bundle, func(w int) []byte { return data[:ends[w]] })
		if err != nil {
			return nil, err
		}
	}
	return m, nil
}

func (d directory) checkTiles(tree tlog.Tree, m memory) error {
	tiles := tlog.NewTiles(height, 0, tree.N)
	for i, t := range tiles {
		// The library names every width that a partial tile ever had.
		if i+1 < len(tiles) && tiles[i+1].L == t.L && tiles[i+1].N == t.N {
			continue
		}
		want, err := tlog.ReadTileData(t, m)
		if err != nil {
			return err
		}
		data, err := d.readHashes(t)
		if err != nil {
			return err
		}
		if !bytes.Equal(data, want) {
			return fmt.Errorf("%s: not of this tree", d.path(t))
		}
		err = d.checkPartials(t, func(w int) []byte { return want[:w*tlog.HashSize] })
		if err != nil {
			return err
		}
	}
	if tree.N == 0 {
		return nil
	}
	// Once more from the tiles alone, as a client without the entries does.
	root, err := tlog.TreeHash(tree.N, tlog.TileHashReader(tree, d))
	if err == nil && root != tree.Hash {
		err = errors.New("root mismatch from tiles")
	}
	return err
}

func checkInclusion(tree tlog.Tree, m memory) error {
	for i := int64(0); i < tree.N; i++ {
		proof, err := tlog.ProveRecord(tree.N, i, m)
		if err != nil {
			return err
		}
		hash := m[tlog.StoredHashIndex(0, i)]
		if err := tlog.CheckRecord(proof, tree.N, tree.Hash, i, hash); err != nil {
			return fmt.Errorf("entry %d: %v", i, err)
		}
	}
	return nil
}

func checkConsistency(old, tree tlog.Tree, m memory) error {
	if old.N > tree.N {
		return fmt.Errorf("older checkpoint of size %d: rolled back", old.N)
	}
	root, err := m.rootOf(old.N)
	if err != nil {
		return err
	}
	if root != old.Hash {
		return fmt.Errorf("older checkpoint of size %d: another history", old.N)
	}
	if old.N == 0 {
		return nil
	}
	proof, err := tlog.ProveTree(tree.N, old.N, m)
	if err != nil {
		return err
	}
	return tlog.CheckTree(proof, tree.N, tree.Hash, old.N, old.Hash)
}

func (d directory) checkKept(log note.Verifier, tree tlog.Tree, m memory) error {
	folder := filepath.Join(string(d), "checkpoints")
	files, err := os.ReadDir(folder)
	if err != nil {
		return err
	}
	for _, file := range files {
		size, err := strconv.ParseInt(file.Name(), 10, 64)
		if err != nil || strconv.FormatInt(size, 10) != file.Name() || size < 0 {
			continue
		}
		if size > tree.N {
			return fmt.Errorf("kept checkpoint of size %d: rolled back", size)
		}
		msg, err := os.ReadFile(filepath.Join(folder, file.Name()))
		if err != nil {
			return err
		}
		kept, err := openCheckpoint(msg, log)
		if err != nil {
			return fmt.Errorf("%s: %v", file.Name(), err)
		}
		if kept.N != size {
			return fmt.Errorf("%s: of size %d", file.Name(), kept.N)
		}
		if err := checkConsistency(kept, tree, m); err != nil {
			return err
		}
	}
	return nil
}

func verifyLog(dir, vkey string, olds []string) (int64, error) {
	log, err := note.NewVerifier(vkey)
	if err != nil {
		return 0, err
	}
	d := directory(dir)
	named, err := os.ReadFile(filepath.Join(dir, "log.vkey"))
	if err != nil {
		return 0, err
	}
	if string(named) != vkey+"\n" {
		return 0, errors.New("log.vkey: another key")
	}
	msg, err := os.ReadFile(filepath.Join(dir, "checkpoint"))
	if err != nil {
		return 0, err
	}
	tree, err := openCheckpoint(msg, log)
	if err != nil {
		return 0, err
	}
	m, err := d.readEntries(tree.N)
	if err != nil {
		return 0, err
	}
	if err := checkInclusion(tree, m); err != nil {
		return 0, err
	}
	root, err := m.rootOf(tree.N)
	if err == nil && root != tree.Hash {
		err = errors.New("root mismatch")
	}
	if err != nil {
		return 0, err
	}
	if err := d.checkTiles(tree, m); err != nil {
		return 0, err
	}
	if err := d.checkKept(log, tree, m); err != nil {
		return 0, err
	}
	for _, path := range olds {
		msg, err := os.ReadFile(path)
		if err != nil {
			return 0, err
		}
		old, err := openCheckpoint(msg, log)
		if err != nil {
			return 0, err
		}
		if err := checkConsistency(old, tree, m); err != nil {
			return 0, err
		}
	}
	return tree.N, nil
}

func verifyCosigned(path, logVkey, witnessVkey string) (int64, error) {
	log, err := note.NewVerifier(logVkey)
	if err != nil {
		return 0, err
	}
	witness, err := newCosigner(witnessVkey)
	if err != nil {
		return 0, err
	}
	msg, err := os.ReadFile(path)
	if err != nil {
		return 0, err
	}
	tree, err := openCheckpoint(msg, log, witness)
	return tree.N, err
}

func verify(fields []string) (int64, error) {
	switch {
	case len(fields) >= 3 && fields[0] == "log":
		return verifyLog(fields[1], fields[2], fields[3:])
	case len(fields) == 4 && fields[0] == "cosigned":
		return verifyCosigned(fields[1], fields[2], fields[3])
	}
	return 0, errors.New("not a case")
}

func main() {
	cases := bufio.NewScanner(os.Stdin)
	for cases.Scan() {
		size, err := verify(strings.Split(cases.Text(), "\t"))
		if err != nil {
			fmt.Println("FAIL", strings.ReplaceAll(err.Error(), "\n", " "))
		} else {
			fmt.Println("OK", size)
		}
	}
	if err := cases.Err(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
}
