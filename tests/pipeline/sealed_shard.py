#!/usr/bin/python3
"""A second reader of sealed shards, written from docs/formats/ alone.

It shares no code with the first one, so that the documents are what both have in
common. Tests run it against shards of our writer; it may also help those who
want to read a shard without our code. It is simple, not fast, and keeps plaintext
in ordinary memory.

usage: sealed_shard.py open --index HEX [--column ID=HEX]... SHARD...
       sealed_shard.py verify --root HEX SHARD...

`open` prints one line of JSON for each shard: the columns for which there are
keys, each value as the hex digits of its bytes (numbers little-endian, as they
are stored), null for null. `verify` needs no key: it compares all bytes of the
shard with the Merkle root in a manifest, and says which segment differs first.
A shard that must be rejected gives {"refused": "..."}.

Needs Debian's python3-cryptography, python3-protobuf and python3-zstandard.
"""

import argparse
import hashlib
import json
import struct
import sys

import zstandard
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA384
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.message import DecodeError


class Refused(Exception):
    """The shard is not as the documents say."""


def check(condition, why):
    if not condition:
        raise Refused(why)


# --- sealed-stream.md ---------------------------------------------------------

SEGMENT = 65536
OVERHEAD = 32  # length 4, nonce 12, tag 16
CAPACITY = SEGMENT - OVERHEAD
STREAM_HEADER = 74
PARAMETERS = bytes.fromhex("00000001000000000020")
INTERNAL = b"\xff\xff\xff\xff"
SEGMENTS_PER_KEY = 1 << 20


class Stream:
    """One sealed stream, whose length comes from an authenticated source."""

    def __init__(self, stream, key, context):
        check(len(stream) >= STREAM_HEADER + OVERHEAD, "no stream is that short")
        check(len(key) == 32, "a key has 32 bytes")
        self.aad = b"sealtrain/stream/1" + hashlib.sha384(context).digest()
        self.prefix, tag = stream[:42], stream[42:STREAM_HEADER]
        check(self.prefix[:10] == PARAMETERS, "another suite")
        check(tag == self.derive(key, b"HEADER_TAG:", 32), "header tag")
        self.message_key = self.derive(key, b"MESSAGE_KEY:", 48)
        body = len(stream) - STREAM_HEADER
        self.count = max(1, -(-body // SEGMENT))
        check(body - (self.count - 1) * SEGMENT >= OVERHEAD, "no stream is that long")
        self.plaintext_bytes = body - self.count * OVERHEAD
        self.stream = stream
        self.aeads = {}

    def derive(self, key, purpose, length):
        info = self.prefix + purpose + self.aad
        return HKDFExpand(algorithm=SHA384(), length=length, info=info).derive(key)

    def open_segment(self, position):
        begin = STREAM_HEADER + position * SEGMENT
        segment = self.stream[begin:begin + SEGMENT]
        final = position == self.count - 1
        check(segment[:4] == (struct.pack(">I", len(segment)) if final else INTERNAL),
              f"length of segment {position}")
        block = position - position % SEGMENTS_PER_KEY
        if block not in self.aeads:
            purpose = b"DEK:" + struct.pack(">Q", block)
            self.aeads[block] = AESGCM(self.derive(self.message_key, purpose, 32))
        try:
            return self.aeads[block].decrypt(
                segment[4:16], segment[16:], struct.pack(">QB", position, final))
        except InvalidTag:
            raise Refused(f"segment {position} does not open") from None

    def read(self, begin, length):
        if length == 0:
            return b""
        first, last = begin // CAPACITY, (begin + length - 1) // CAPACITY
        plain = b"".join(self.open_segment(i) for i in range(first, last + 1))
        skip = begin - first * CAPACITY
        return plain[skip:skip + length]


# --- sealed-shard.md, messages ------------------------------------------------

MESSAGES = {
    "ShardHeader": "format uint32, shard_id bytes, dataset string, policy_sha256 bytes, "
                   "schema_sha256 bytes, permit_id bytes, key_epoch uint32",
    "ShardIndex": "group_rows uint32*, column ColumnIndex*",
    "ColumnIndex": "id string, type int32, repeated bool, stream_bytes uint64, chunk Chunk*",
    "Chunk": "stored_bytes uint64, raw_bytes uint64, values uint64, encoding int32, "
             "has_validity bool",
}


def message_classes():
    """Classes for MESSAGES. An enum is an int32 on the wire."""
    field_type = descriptor_pb2.FieldDescriptorProto
    file = descriptor_pb2.FileDescriptorProto(name="shard", package="doc", syntax="proto3")
    for name, fields in MESSAGES.items():
        message = file.message_type.add(name=name)
        for number, text in enumerate(fields.split(", "), 1):
            field_name, kind = text.split()
            field = message.field.add(name=field_name, number=number)
            field.label = (field_type.LABEL_REPEATED if kind.endswith("*")
                           else field_type.LABEL_OPTIONAL)
            kind = kind.rstrip("*")
            if kind in MESSAGES:
                field.type, field.type_name = field_type.TYPE_MESSAGE, f".doc.{kind}"
            else:
                field.type = getattr(field_type, f"TYPE_{kind.upper()}")
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    factory = message_factory.MessageFactory(pool)
    return {n: factory.GetPrototype(pool.FindMessageTypeByName(f"doc.{n}")) for n in MESSAGES}


CLASSES = message_classes()


def parse(name, data):
    message = CLASSES[name]()
    try:
        message.ParseFromString(data)
    except DecodeError:
        raise Refused(f"{name} does not parse") from None
    message.DiscardUnknownFields()
    check(message.SerializeToString(deterministic=True) == data,
          f"{name} is not in its one encoding")
    return message


# --- sealed-shard.md, chunks ---------------------------------------------------

BOOL, BYTES, PLAIN, ZSTD = 1, 8, 1, 2
WIDTHS = {1: 1, 2: 4, 3: 8, 4: 4, 5: 8, 6: 4, 7: 8}
MAX_CHUNK = 1 << 30


def padme(n):
    if n < 2:
        return n
    e = n.bit_length() - 1
    unit = 1 << (e - e.bit_length())
    return -(-n // unit) * unit


def decompress(frame, raw_bytes):
    try:
        # Never more than asked for, whatever the frame says of itself.
        raw = zstandard.ZstdDecompressor().stream_reader(frame).read(raw_bytes + 1)
        check(len(raw) == raw_bytes, "a frame of another length")
        whole = zstandard.ZstdDecompressor().decompressobj()
        whole.decompress(frame)
        check(whole.unused_data == b"" and whole.eof, "more or less than one frame")
    except zstandard.ZstdError:
        raise Refused("not a zstd frame") from None
    return raw


class Parts:
    """Cuts the parts off a chunk, one after the other."""

    def __init__(self, chunk):
        self.rest = chunk

    def take(self, length):
        padded = -(-length // 8) * 8
        check(padded <= len(self.rest), "a chunk is too short")
        part, padding = self.rest[:length], self.rest[length:padded]
        check(not any(padding), "padding is not zero")
        self.rest = self.rest[padded:]
        return part

    def offsets(self, count):
        offsets = struct.unpack(f"<{count + 1}I", self.take(4 * (count + 1)))
        check(offsets[0] == 0, "offsets do not begin at 0")
        check(all(a <= b for a, b in zip(offsets, offsets[1:])), "offsets fall")
        return offsets


def read_rows(column, chunk, rows, raw):
    """The rows of a chunk: None, or the bytes of each of a row's values."""
    parts = Parts(raw)
    valid = [True] * rows
    if chunk.has_validity:
        bits = parts.take(-(-rows // 8))
        number = int.from_bytes(bits, "little")
        check(number >> rows == 0, "validity past the last row")
        valid = [number >> row & 1 == 1 for row in range(rows)]
    lists = range(rows + 1)
    if column.repeated:
        lists = parts.offsets(rows)
        check(lists[-1] == chunk.values, "another number of values")
    if column.type == BYTES:
        ends = parts.offsets(chunk.values)
        check(ends[-1] == len(parts.rest), "values of another length")
    else:
        width = WIDTHS[column.type]
        ends = range(0, width * chunk.values + 1, width)
        check(width * chunk.values == len(parts.rest), "values of another length")
    if column.type == BOOL:
        check(all(byte <= 1 for byte in parts.rest), "a boolean is neither 0 nor 1")
    values = [parts.rest[a:b] for a, b in zip(ends, ends[1:])]
    return [values[a:b] if ok else None for a, b, ok in zip(lists, lists[1:], valid)]


# --- sealed-shard.md, the file -------------------------------------------------

MAX_HEADER = 4096
MAX_INDEX_STREAM = 64 << 20
TRAILER = 24
LEAF = 32


class Shard:
    """The parts of the file that everybody can see."""

    def __init__(self, data):
        check(len(data) >= 12 + TRAILER, "too short")
        check(data[:8] == b"SEALSHD1", "magic")
        header_end = 12 + struct.unpack(">I", data[8:12])[0]
        check(header_end <= 12 + MAX_HEADER and header_end <= len(data) - TRAILER,
              "header length")
        self.section = data[:header_end]
        self.header = parse("ShardHeader", data[12:header_end])
        check(self.header.format == 1, "format")
        sizes = {"shard_id": 16, "policy_sha256": 32, "schema_sha256": 32, "permit_id": 16}
        check(all(len(getattr(self.header, f)) == n for f, n in sizes.items()), "header")
        index_bytes, segments, magic = struct.unpack(">QQ8s", data[-TRAILER:])
        check(magic == b"SEALEND1", "trailer")
        leaves_begin = len(data) - TRAILER - LEAF * segments
        self.index_begin = leaves_begin - index_bytes
        check(index_bytes <= MAX_INDEX_STREAM and self.index_begin >= header_end, "trailer")
        leaves = data[leaves_begin:-TRAILER]
        self.leaves = [leaves[i:i + LEAF] for i in range(0, len(leaves), LEAF)]
        self.columns = data[header_end:self.index_begin]
        self.index = data[self.index_begin:leaves_begin]

    def read_index(self, key):
        stream = Stream(self.index, key, self.section + b"index")
        plain = stream.read(0, stream.plaintext_bytes)
        check(len(plain) >= 4, "index length")
        length = struct.unpack(">I", plain[:4])[0]
        check(length <= len(plain) - 4 and padme(4 + length) == len(plain), "index length")
        index = parse("ShardIndex", plain[4:4 + length])
        check(all(1 <= rows <= 1 << 20 for rows in index.group_rows), "row groups")
        check(sum(index.group_rows) <= 1 << 30 and 1 <= len(index.column) <= 4096, "limits")
        ids = [column.id for column in index.column]
        check(len(set(ids)) == len(ids), "a column stands twice")
        check(sum(c.stream_bytes for c in index.column) == len(self.columns),
              "streams do not fill the file")
        return index


def check_chunks(column, index, plaintext_bytes):
    check(column.type in WIDTHS or column.type == BYTES, "type")
    check(len(column.chunk) == len(index.group_rows), "number of chunks")
    check(padme(sum(c.stored_bytes for c in column.chunk)) == plaintext_bytes,
          "chunks do not fill their stream")
    for chunk, rows in zip(column.chunk, index.group_rows):
        check(chunk.raw_bytes <= MAX_CHUNK, "chunk too large")
        check(chunk.encoding in (PLAIN, ZSTD), "encoding")
        check(chunk.encoding == ZSTD or chunk.stored_bytes == chunk.raw_bytes, "plain length")
        check(column.repeated or chunk.values == rows, "number of values")
        check(not (column.repeated and chunk.has_validity), "validity of a repeated column")


def open_shard(data, index_key, column_keys):
    shard = Shard(data)
    index = shard.read_index(index_key)
    result = {"shard_id": shard.header.shard_id.hex(), "dataset": shard.header.dataset,
              "key_epoch": shard.header.key_epoch, "rows": sum(index.group_rows), "columns": {}}
    begin = 0
    for column in index.column:
        sealed = shard.columns[begin:begin + column.stream_bytes]
        begin += column.stream_bytes
        if column.id not in column_keys:
            continue
        stream = Stream(sealed, column_keys[column.id], shard.section + column.id.encode())
        check_chunks(column, index, stream.plaintext_bytes)
        cells, position = [], 0
        for chunk, rows in zip(column.chunk, index.group_rows):
            raw = stream.read(position, chunk.stored_bytes)
            position += chunk.stored_bytes
            if chunk.encoding == ZSTD:
                raw = decompress(raw, chunk.raw_bytes)
            cells += read_rows(column, chunk, rows, raw)
        result["columns"][column.id] = [
            None if row is None else [value.hex() for value in row] for row in cells]
    return result


# --- sealed-shard.md, leaves ---------------------------------------------------


def merkle_root(leaves):
    """RFC 6962, section 2.1, over leaf hashes."""
    if len(leaves) <= 1:
        return leaves[0] if leaves else hashlib.sha256().digest()
    k = 1 << ((len(leaves) - 1).bit_length() - 1)
    return hashlib.sha256(
        b"\x01" + merkle_root(leaves[:k]) + merkle_root(leaves[k:])).digest()


def verify_shard(data, root):
    shard = Shard(data)
    check(merkle_root(shard.leaves) == root, "the leaves are not the manifest's")
    leaves = iter(enumerate(shard.leaves))
    for streams in (shard.columns, shard.index):
        begin = end = 0
        inside = False  # a stream whose final segment is still to come
        while inside or end < len(streams):
            segment = end if inside else end + STREAM_HEADER
            word = streams[segment:segment + 4]
            inside = word == INTERNAL
            length = SEGMENT if inside else int.from_bytes(word, "big")
            begin, end = end, segment + length
            number, leaf = next(leaves, (len(shard.leaves), None))
            check(OVERHEAD <= length <= SEGMENT and end <= len(streams) and
                  hashlib.sha256(b"\x00" + streams[begin:end]).digest() == leaf,
                  f"segment {number} of the shard is not its leaf's")
    check(next(leaves, None) is None, "leaves without segments")
    return {"segments": len(shard.leaves)}


def main():
    parser = argparse.ArgumentParser()
    commands = parser.add_subparsers(dest="command", required=True)
    opening = commands.add_parser("open")
    opening.add_argument("--index", type=bytes.fromhex, required=True)
    opening.add_argument("--column", action="append", default=[])
    verifying = commands.add_parser("verify")
    verifying.add_argument("--root", type=bytes.fromhex, required=True)
    for command in (opening, verifying):
        command.add_argument("shard", nargs="+")
    args = parser.parse_args()
    for path in args.shard:
        with open(path, "rb") as file:
            data = file.read()
        try:
            if args.command == "verify":
                answer = verify_shard(data, args.root)
            else:
                keys = dict(text.split("=") for text in args.column)
                answer = open_shard(data, args.index,
                                    {i: bytes.fromhex(key) for i, key in keys.items()})
        except Refused as refused:
            answer = {"refused": str(refused)}
        json.dump(answer, sys.stdout)
        print()


if __name__ == "__main__":
    main()
