#include "sealtrain/audit/wal.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "sealtrain/base/status_macros.h"
#include "sealtrain/crypto/hash.h"

namespace sealtrain::audit {
namespace {

constexpr absl::string_view kHeaderMagic = "STAWAL1\n";
constexpr absl::string_view kRecordMagic = "AWL1";
constexpr std::size_t kEntryLengthBytes = 2;
constexpr std::uint64_t kMaxWalBytes = 64 << 20;

// The zeros that a file begins with, header included, and what it grows by: as much as it
// has, up to a limit.
constexpr std::uint64_t kFirstBytes = 2 * kWalReserveBytes;
constexpr std::uint64_t kMaxStepBytes = 1 << 20;

// What a record has beside its entries, at most. The note of a log with the longest name,
// signed by two keys, has 1,028 bytes.
constexpr std::uint64_t kMaxFrameBytes = 2 << 10;

void AppendText(absl::string_view text, Bytes& out) {
  const ByteSpan bytes = AsBytes(text);
  out.insert(out.end(), bytes.begin(), bytes.end());
}

void AppendNote(absl::string_view note, Bytes& out) {
  AppendBigEndian(note.size(), 4, out);
  AppendText(note, out);
}

// Closes a header or record with the SHA-256 of its bytes, and returns that.
Digest AppendDigest(Bytes& out) {
  const Digest digest = crypto::Sha256(out);
  out.insert(out.end(), digest.begin(), digest.end());
  return digest;
}

// Takes fields off the front of a span; fails for good at the first that is
// not there.
class FieldReader {
 public:
  explicit FieldReader(ByteSpan bytes) : rest_(bytes) {}

  ByteSpan Take(std::size_t size) {
    if (failed_ || rest_.size() < size) {
      failed_ = true;
      return {};
    }
    const ByteSpan field = rest_.first(size);
    rest_.remove_prefix(size);
    return field;
  }
  std::uint64_t TakeInteger(std::size_t size) { return GetBigEndian(Take(size)); }
  absl::string_view TakeNote() { return AsText(Take(TakeInteger(4))); }
  Digest TakeDigest() {
    Digest digest{};
    const ByteSpan bytes = Take(digest.size());
    std::copy(bytes.begin(), bytes.end(), digest.begin());
    return digest;
  }

  bool failed() const { return failed_; }
  std::size_t left() const { return rest_.size(); }

 private:
  ByteSpan rest_;
  bool failed_ = false;
};

Bytes EncodeHeader(absl::string_view base_note, Digest& digest) {
  Bytes bytes;
  AppendText(kHeaderMagic, bytes);
  AppendNote(base_note, bytes);
  digest = AppendDigest(bytes);
  return bytes;
}

struct ParsedRecord {
  WalContents::Record content;
  Digest previous{};  // digest of the record or header before it
  Digest digest{};
  std::size_t size = 0;
};

// The record at the start of `bytes`, if it is a whole and genuine one: its
// digest is right and its checkpoint is signed by `key`.
std::optional<ParsedRecord> ParseRecord(ByteSpan bytes, const VerifierKey& key) {
  FieldReader reader(bytes);
  if (AsText(reader.Take(kRecordMagic.size())) != kRecordMagic) return std::nullopt;
  ParsedRecord parsed;
  parsed.size = reader.TakeInteger(4);
  if (reader.failed() || parsed.size > bytes.size()) return std::nullopt;

  WalRecord& record = parsed.content.record;
  record.first_index = reader.TakeInteger(8);
  const std::uint64_t count = reader.TakeInteger(4);
  if (count == 0 || count > kMaxWalRecordEntries) return std::nullopt;
  parsed.previous = reader.TakeDigest();
  for (std::uint64_t i = 0; i < count && !reader.failed(); ++i) {
    record.entries.emplace_back(AsText(reader.Take(reader.TakeInteger(kEntryLengthBytes))));
  }
  record.checkpoint_note = std::string(reader.TakeNote());
  const std::size_t covered = bytes.size() - reader.left();
  parsed.digest = reader.TakeDigest();
  if (reader.failed() || bytes.size() - reader.left() != parsed.size ||
      crypto::Sha256(bytes.first(covered)) != parsed.digest) {
    return std::nullopt;
  }
  absl::StatusOr<Checkpoint> checkpoint = VerifyCheckpoint(record.checkpoint_note, key);
  if (!checkpoint.ok()) return std::nullopt;
  parsed.content.checkpoint = *std::move(checkpoint);
  return parsed;
}

// Where a genuine record starts in `bytes`, if anywhere.
std::optional<std::size_t> FindRecord(ByteSpan bytes, const VerifierKey& key) {
  const absl::string_view text = AsText(bytes);
  for (std::size_t at = text.find(kRecordMagic); at != absl::string_view::npos;
       at = text.find(kRecordMagic, at + 1)) {
    if (ParseRecord(bytes.subspan(at), key).has_value()) return at;
  }
  return std::nullopt;
}

}  // namespace

absl::StatusOr<WalWriter> WalWriter::Create(Env& env, const std::string& path,
                                            absl::string_view base_note) {
  Digest digest;
  Bytes file_bytes = EncodeHeader(base_note, digest);
  const std::uint64_t header_bytes = file_bytes.size();
  file_bytes.resize(std::max(kFirstBytes, header_bytes));
  ST_RETURN_IF_ERROR(WriteFileDurably(env, path, file_bytes));
  ST_ASSIGN_OR_RETURN(auto file, env.OpenForUpdate(path));
  return WalWriter(env, path, std::move(file), header_bytes, file_bytes.size(), digest);
}

absl::Status WalWriter::Append(const WalRecord& record) {
  Bytes bytes;
  AppendText(kRecordMagic, bytes);
  AppendBigEndian(0, 4, bytes);  // the size, known at the end
  AppendBigEndian(record.first_index, 8, bytes);
  AppendBigEndian(record.entries.size(), 4, bytes);
  bytes.insert(bytes.end(), last_digest_.begin(), last_digest_.end());
  for (const std::string& entry : record.entries) {
    AppendBigEndian(entry.size(), kEntryLengthBytes, bytes);
    AppendText(entry, bytes);
  }
  AppendNote(record.checkpoint_note, bytes);
  PutBigEndian(bytes.size() + sizeof(Digest), 4,
               absl::MakeSpan(bytes).subspan(kRecordMagic.size(), 4));
  last_digest_ = AppendDigest(bytes);
  ST_RETURN_IF_ERROR(file_->WriteAt(bytes_, bytes));
  bytes_ += bytes.size();
  ++records_;
  return file_->Sync();
}

absl::Status WalWriter::MakeRoom(const std::vector<std::string>& entries, std::uint64_t reserve) {
  std::uint64_t end = bytes_ + kMaxFrameBytes + reserve;
  for (const std::string& entry : entries) end += kEntryLengthBytes + entry.size();
  if (end <= file_size_) return absl::OkStatus();
  const std::uint64_t step = file_size_ + std::min(file_size_, kMaxStepBytes);
  if (step > end) {
    absl::Status status = GrowTo(step);
    if (!IsDiskFull(status)) return status;
  }
  return GrowTo(end);
}

absl::Status WalWriter::GrowTo(std::uint64_t size) {
  if (size > kMaxWalBytes) return DiskFullError("the write-ahead log is as long as it may be");
  const absl::Status status = file_->WriteAt(file_size_, Bytes(size - file_size_));
  if (status.ok()) file_size_ = size;
  // What was got of the last space others may need to end what they began.
  if (IsDiskFull(status)) ST_RETURN_IF_ERROR(env_->Truncate(path_, file_size_));
  return status;
}

absl::StatusOr<WalContents> ReadWal(Env& env, const std::string& path, const VerifierKey& key) {
  absl::StatusOr<std::string> file = env.ReadFile(path, kMaxWalBytes);
  if (absl::IsNotFound(file.status()) || absl::IsOutOfRange(file.status())) {
    return absl::DataLossError(file.status().message());
  }
  ST_RETURN_IF_ERROR(file.status());
  return ParseWal(AsBytes(*file), path, key);
}

absl::StatusOr<WalContents> ParseWal(ByteSpan file, const std::string& name,
                                     const VerifierKey& key) {
  WalContents contents;
  FieldReader header(file);
  const bool magic_ok = AsText(header.Take(kHeaderMagic.size())) == kHeaderMagic;
  contents.base_note = std::string(header.TakeNote());
  const std::size_t covered = file.size() - header.left();
  Digest last_digest = header.TakeDigest();
  if (!magic_ok || header.failed() || crypto::Sha256(file.first(covered)) != last_digest) {
    return absl::DataLossError(absl::StrCat(name, ": bad header at byte 0"));
  }
  absl::StatusOr<Checkpoint> base = VerifyCheckpoint(contents.base_note, key);
  if (!base.ok()) {
    return absl::DataLossError(absl::StrCat(name, ": header: ", base.status().message()));
  }
  contents.base = *std::move(base);

  std::uint64_t size = contents.base.size;
  contents.end = file.size() - header.left();
  while (true) {
    const ByteSpan rest = file.subspan(contents.end);
    // Never written: no record begins with a zero.
    if (std::all_of(rest.begin(), rest.end(), [](std::uint8_t byte) { return byte == 0; })) break;
    std::optional<ParsedRecord> parsed = ParseRecord(rest, key);
    if (!parsed) {
      // Nothing is written after a record before that is durable. So a crash
      // leaves no good record behind a bad one.
      if (const auto good = FindRecord(rest.subspan(1), key)) {
        return absl::DataLossError(absl::StrCat(name, ": bad record at byte ", contents.end,
                                                " before a good one at byte ",
                                                contents.end + 1 + *good));
      }
      break;
    }
    const std::uint64_t new_size = size + parsed->content.record.entries.size();
    if (parsed->previous != last_digest || parsed->content.record.first_index != size ||
        parsed->content.checkpoint.size != new_size) {
      return absl::DataLossError(
          absl::StrCat(name, ": record at byte ", contents.end, " does not follow the one before"));
    }
    size = new_size;
    last_digest = parsed->digest;
    parsed->content.offset = contents.end;
    contents.end += parsed->size;
    contents.records.push_back(std::move(parsed->content));
  }
  return contents;
}

absl::Status SecureWal(Env& env, const std::string& path, const WalContents& contents) {
  ST_ASSIGN_OR_RETURN(const std::string file, env.ReadFile(path, kMaxWalBytes));
  return WriteFileDurably(env, path, AsBytes(file).first(contents.end));
}

}  // namespace sealtrain::audit
