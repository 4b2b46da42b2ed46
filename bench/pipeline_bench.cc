// How fast records become shards and shards become arrays, beside what bounds
// them: bare AES-256-GCM over the same bytes, and the same layout unsealed. Files
// lie in the page cache.
//
// Compare figures of one run only.
#include <benchmark/benchmark.h>
#include <openssl/evp.h>

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iostream>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <sstream>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "sealtrain/base/env.h"
#include "sealtrain/bench/memory_growth.h"
#include "sealtrain/crypto/sealed_stream.h"
#include "sealtrain/pipeline/dataset_reader.h"
#include "sealtrain/pipeline/ingestion.h"
#include "sealtrain/pipeline/open/block_queue.h"
#include "sealtrain/pipeline/open/chunk_view.h"
#include "sealtrain/pipeline/open/shard_file.h"
#include "sealtrain/pipeline/open/shard_reader.h"
#include "sealtrain/pipeline/review/text_scan.h"
#include "sealtrain/pipeline/seal/shard_store.h"
#include "sealtrain/pipeline/seal/shard_writer.h"
#include "sealtrain/pipeline/source.h"
#include "sealtrain/tests/pipeline/schema_fixture.h"
#include "sealtrain/tests/util/temp_dir.h"
#include "sealtrain/tests/util/test_world.h"

namespace sealtrain::pipeline {
namespace {

using ::sealtrain::testing::TempDir;
using ::sealtrain::testing::TestWorld;

void Check(const absl::Status& status) {
  if (status.ok()) return;
  std::cerr << status << "\n";
  std::abort();
}
template <typename T>
T Take(absl::StatusOr<T> result) {
  Check(result.status());
  return *std::move(result);
}

// Features of noise, which zstd cannot shrink: what is measured is sealing.
struct Shape {
  std::uint64_t columns;  // of float
  std::uint64_t width;    // floats in a row of a column; above 1 it is repeated
  std::uint64_t rows;     // of a row group
  std::uint64_t groups;   // of a shard
  std::uint64_t shards;

  std::uint64_t all_rows() const { return rows * groups * shards; }
  std::uint64_t bytes() const { return columns * width * sizeof(float) * all_rows(); }
};
// A table in row groups as `sealtrain ingest` makes them (1 GiB, so that what a
// reader sets up once counts as little as in a long pass), one in small row groups
// and samples (256 MiB each).
constexpr Shape kTable = {.columns = 16, .width = 1, .rows = 65504, .groups = 32, .shards = 8};
constexpr Shape kSmallGroups = {
    .columns = 16, .width = 1, .rows = 4096, .groups = 512, .shards = 2};
constexpr Shape kSamples = {.columns = 1, .width = 784, .rows = 2675, .groups = 16, .shards = 2};

crypto::Dek KeyOf(std::uint8_t byte) {
  return Take(
      crypto::Dek::FromBytes(Take(crypto::SecretBytes::CopyFrom(Bytes(crypto::kKeyBytes, byte)))));
}

std::vector<ColumnSpec> Columns(const Shape& shape) {
  std::vector<ColumnSpec> columns;
  for (std::uint64_t i = 1; i <= shape.columns; ++i) {
    columns.push_back({.id = absl::StrCat(i),
                       .name = absl::StrCat("f", i),
                       .type = ValueType::kFloat,
                       .repeated = shape.width > 1});
  }
  return columns;
}

custody::ShardKeys Keys(const Shape& shape) {
  custody::ShardKeys keys{.shard_id = {}, .key_epoch = 1, .columns = {}, .index = KeyOf(0xff)};
  for (const ColumnSpec& column : Columns(shape)) {
    keys.columns.push_back({.column_id = column.id, .dek = KeyOf(1)});
  }
  return keys;
}

std::vector<ColumnBuilder> NoiseGroup(const Shape& shape) {
  std::mt19937 random(1);
  std::uniform_real_distribution<float> noise(-1e6f, 1e6f);
  std::vector<ColumnBuilder> group;
  for (const ColumnSpec& column : Columns(shape)) {
    ColumnBuilder& builder = group.emplace_back(column);
    for (std::uint64_t row = 0; row < shape.rows; ++row) {
      for (std::uint64_t i = 0; i < shape.width; ++i) Check(builder.AppendNumber(noise(random)));
      Check(builder.EndRow());
    }
  }
  return group;
}

std::unique_ptr<ShardWriter> NewWriter(const Shape& shape) {
  ShardHeader header;
  header.set_dataset("bench");
  header.set_policy_sha256(std::string(32, 'p'));
  header.set_schema_sha256(std::string(32, 's'));
  header.set_permit_id(std::string(16, 'i'));
  return Take(ShardWriter::Create(header, Keys(shape), Columns(shape)));
}

// Sealed shards and the same chunks unsealed, made once for each shape.
struct Files {
  TempDir folder;
  Shape shape;
  custody::Manifest manifest;
  std::uint64_t unsealed_bytes = 0;

  std::string sealed(int shard) const { return folder.Join(absl::StrCat(shard, ".seal")); }
  std::string unsealed(int shard) const { return folder.Join(absl::StrCat(shard, ".plain")); }

  explicit Files(const Shape& of) : shape(of) {
    manifest.set_dataset("bench");
    manifest.set_schema_sha256(std::string(32, 's'));
    custody::SealPlan& plan = *manifest.add_plan();
    plan.set_policy_sha256(std::string(32, 'p'));
    plan.set_permit_id(std::string(16, 'i'));
    const std::vector<ColumnBuilder> group = NoiseGroup(shape);
    for (int i = 0; i < static_cast<int>(shape.shards); ++i) {
      const auto writer = NewWriter(shape);
      auto plain = Take(Env::Posix().OpenForWrite(unsealed(i), Env::OpenMode::kTruncate));
      for (std::uint64_t g = 0; g < shape.groups; ++g) {
        Check(writer->AppendGroup(group));
        for (const ColumnBuilder& builder : group) {
          SecretBuffer chunk;
          Check(builder.LayOut(chunk));
          Check(plain->Append(chunk.span()));
          unsealed_bytes += chunk.size();
        }
      }
      *manifest.add_shard() = Take(StoreShard(Env::Posix(), sealed(i), *writer));
    }
  }

  ReadPlan Plan(std::optional<ReadPlan::Shuffle> shuffle) const {
    ReadPlan plan;
    plan.block_bytes = 8 << 20;
    for (const custody::Shard& shard : manifest.shard()) {
      plan.parts.push_back(
          {.shard = &shard, .first_row = 0, .begin = 0, .end = shape.rows * shape.groups});
    }
    plan.shuffle = shuffle;
    return plan;
  }
  ShardOpener Opener() const {
    return [this](const custody::Shard& shard,
                  ReadSpace& space) -> absl::StatusOr<std::unique_ptr<ShardReader>> {
      int i = 0;
      while (&manifest.shard(i) != &shard) ++i;
      return ShardReader::Open(Take(ShardFile::Open(Env::Posix(), sealed(i), manifest, shard)),
                               Keys(shape), Columns(shape), space);
    };
  }
};
const Files& FilesOf(const Shape& shape) {
  static auto& files = *new std::map<const Shape*, std::unique_ptr<const Files>>;
  std::unique_ptr<const Files>& made = files[&shape];
  if (made == nullptr) made = std::make_unique<const Files>(shape);
  return *made;
}

void Count(benchmark::State& state, std::uint64_t bytes, std::uint64_t items) {
  state.SetBytesProcessed(static_cast<std::int64_t>(bytes) * state.iterations());
  state.SetItemsProcessed(static_cast<std::int64_t>(items) * state.iterations());
}
void CountRows(benchmark::State& state, const Shape& shape) {
  Count(state, shape.bytes(), shape.all_rows());
}

// --- opening --------------------------------------------------------------------

// The floor under every sealed reader: nothing but AES-256-GCM over segments of
// the same size, from memory that is in the cache.
class BareGcm {
 public:
  static constexpr int kSegment = 65504;
  BareGcm() {
    EVP_DecryptInit_ex(context_, EVP_aes_256_gcm(), nullptr, key_.data(), nonce_.data());
  }
  ~BareGcm() { EVP_CIPHER_CTX_free(context_); }
  BareGcm(const BareGcm&) = delete;
  BareGcm& operator=(const BareGcm&) = delete;

  void Open(const std::uint8_t* segment, std::uint8_t* out) {
    int n = 0;
    EVP_DecryptInit_ex(context_, nullptr, nullptr, nullptr, nonce_.data());
    EVP_DecryptUpdate(context_, out, &n, segment, kSegment);
    EVP_CIPHER_CTX_ctrl(context_, EVP_CTRL_GCM_SET_TAG, 16, tag_.data());
    benchmark::DoNotOptimize(EVP_DecryptFinal_ex(context_, out, &n));
  }

 private:
  Bytes key_ = Bytes(32, 1);
  Bytes nonce_ = Bytes(12, 2);
  Bytes tag_ = Bytes(16);
  EVP_CIPHER_CTX* const context_ = EVP_CIPHER_CTX_new();
};

void BM_BareGcm(benchmark::State& state) {
  BareGcm gcm;
  const Bytes segment(BareGcm::kSegment, 3);
  Bytes out(BareGcm::kSegment);
  for (auto _ : state) {
    for (std::uint64_t done = 0; done < kTable.bytes(); done += BareGcm::kSegment) {
      gcm.Open(segment.data(), out.data());
    }
  }
  CountRows(state, kTable);
}
BENCHMARK(BM_BareGcm)->Unit(benchmark::kMillisecond)->UseRealTime();

// The same with what it cannot do without: reading the file. As many segments at
// once as the reader takes, in order, into a block of the same size.
void BM_ReadAndGcm(benchmark::State& state) {
  constexpr std::size_t kAtOnce = 4;
  constexpr std::size_t kSealed = 65536;
  const Files& files = FilesOf(kTable);
  BareGcm gcm;
  // At the beginning of a page, as the reader has it: the kernel copies faster.
  auto space = Take(crypto::SecretBytes::Allocate(kAtOnce * kSealed));
  const MutableByteSpan sealed = space.mutable_span();
  auto memory = Take(crypto::SecretBytes::Allocate(8 << 20));
  for (auto _ : state) {
    for (int i = 0; i < static_cast<int>(kTable.shards); ++i) {
      const auto file = Take(Env::Posix().OpenForRead(files.sealed(i)));
      for (std::uint64_t at = 0; at + sealed.size() <= file->size(); at += sealed.size()) {
        Check(file->ReadAt(at, sealed));
        for (std::size_t segment = 0; segment < sealed.size(); segment += kSealed) {
          gcm.Open(sealed.data() + segment,
                   memory.mutable_span().data() + (at + segment) % memory.size());
        }
      }
    }
  }
  CountRows(state, kTable);
}
BENCHMARK(BM_ReadAndGcm)->Unit(benchmark::kMillisecond)->UseRealTime();

// --- memory ---------------------------------------------------------------------

// All columns as typed spans; argument: threads that read ahead.
void OpenToSpans(benchmark::State& state, const Shape& shape,
                 std::optional<ReadPlan::Shuffle> shuffle) {
  const Files& files = FilesOf(shape);
  const MemoryGrowth growth;
  for (auto _ : state) {
    const ReadPlan plan = files.Plan(shuffle);
    BlockQueue queue(plan, files.Opener(), {}, static_cast<int>(state.range(0)));
    RowBlock block;
    while (Take(queue.Next(block)).has_value()) {
      for (const ColumnBatch& group : block.groups) {
        benchmark::DoNotOptimize(group.columns[0].Numbers<float>().data());
      }
    }
  }
  state.counters["MiB_more_at_most"] = growth.KiB() / 1024;
  CountRows(state, shape);
}
void BM_OpenToSpans(benchmark::State& state) { OpenToSpans(state, kTable, {}); }
BENCHMARK(BM_OpenToSpans)->Arg(0)->Arg(1)->Arg(2)->Unit(benchmark::kMillisecond)->UseRealTime();
void BM_OpenSmallGroups(benchmark::State& state) { OpenToSpans(state, kSmallGroups, {}); }
BENCHMARK(BM_OpenSmallGroups)->Arg(0)->Arg(2)->Unit(benchmark::kMillisecond)->UseRealTime();
// Shards and row groups in a random order; the second: and the rows of each block.
void BM_OpenShuffledGroups(benchmark::State& state) {
  OpenToSpans(state, kTable, ReadPlan::Shuffle{.rows = false});
}
BENCHMARK(BM_OpenShuffledGroups)->Arg(0)->Arg(2)->Unit(benchmark::kMillisecond)->UseRealTime();
void BM_OpenShuffled(benchmark::State& state) { OpenToSpans(state, kTable, ReadPlan::Shuffle{}); }
BENCHMARK(BM_OpenShuffled)->Arg(0)->Arg(2)->Unit(benchmark::kMillisecond)->UseRealTime();

// What protection costs: the same chunks, unsealed, into the same kind of memory.
void BM_ReadUnsealed(benchmark::State& state) {
  const Files& files = FilesOf(kTable);
  const std::size_t chunk_bytes = kTable.rows * sizeof(float);
  auto memory = Take(crypto::SecretBytes::Allocate(2 * kTable.columns * chunk_bytes));
  for (auto _ : state) {
    for (int i = 0; i < static_cast<int>(kTable.shards); ++i) {
      const auto file = Take(Env::Posix().OpenForRead(files.unsealed(i)));
      for (std::uint64_t offset = 0; offset < file->size(); offset += chunk_bytes) {
        const MutableByteSpan chunk =
            memory.mutable_span().subspan(offset % memory.size(), chunk_bytes);
        Check(file->ReadAt(offset, chunk));
        benchmark::DoNotOptimize(Take(ViewChunk(
            {.type = ValueType::kFloat, .rows = kTable.rows, .values = kTable.rows}, chunk)));
      }
    }
  }
  CountRows(state, kTable);
}
BENCHMARK(BM_ReadUnsealed)->Unit(benchmark::kMillisecond);

// Samples of 784 floats, shuffled, copied into batches of 256.
void BM_SamplesIntoBatches(benchmark::State& state) {
  constexpr std::size_t kBatch = 256;
  const Files& files = FilesOf(kSamples);
  auto memory = Take(crypto::SecretBytes::Allocate(kBatch * kSamples.width * sizeof(float)));
  auto* const batch = reinterpret_cast<float*>(memory.mutable_span().data());
  for (auto _ : state) {
    const ReadPlan plan = files.Plan(ReadPlan::Shuffle{});
    BlockQueue queue(plan, files.Opener(), {}, static_cast<int>(state.range(0)));
    RowBlock block;
    std::size_t filled = 0;
    while (Take(queue.Next(block)).has_value()) {
      for (const RowRef& ref : block.order) {
        const ColumnView& view = block.groups[ref.group].columns[0];
        std::copy_n(view.Numbers<float>().data() + view.list_offsets[ref.row], kSamples.width,
                    batch + filled * kSamples.width);
        if (++filled == kBatch) {
          benchmark::DoNotOptimize(batch);
          benchmark::ClobberMemory();
          filled = 0;
        }
      }
    }
  }
  CountRows(state, kSamples);
}
BENCHMARK(BM_SamplesIntoBatches)
    ->Arg(0)
    ->Arg(1)
    ->Arg(2)
    ->Unit(benchmark::kMillisecond)
    ->UseRealTime();

// A plain file of records behind their lengths, the floor under record readers.
void BM_ReadLengthPrefixed(benchmark::State& state) {
  constexpr std::uint32_t kRecord = 512;
  constexpr std::uint64_t kRecords = 500'000;
  const TempDir folder;
  const std::string path = folder.Join("records");
  {
    auto file = Take(Env::Posix().OpenForWrite(path, Env::OpenMode::kTruncate));
    Bytes record(sizeof(kRecord) + kRecord, 'r');
    std::memcpy(record.data(), &kRecord, sizeof(kRecord));
    Bytes block;
    for (std::uint64_t i = 0; i < kRecords; ++i) {
      block.insert(block.end(), record.begin(), record.end());
      if (block.size() < 1 << 20 && i + 1 < kRecords) continue;
      Check(file->Append(block));
      block.clear();
    }
  }
  std::vector<char> buffer(1 << 18);
  Bytes record;
  for (auto _ : state) {
    std::ifstream file;
    file.rdbuf()->pubsetbuf(buffer.data(), static_cast<std::streamsize>(buffer.size()));
    file.open(path, std::ios::binary);
    std::uint32_t bytes = 0;
    while (file.read(reinterpret_cast<char*>(&bytes), sizeof(bytes))) {
      record.resize(bytes);
      file.read(reinterpret_cast<char*>(record.data()), bytes);
      benchmark::DoNotOptimize(record.data());
    }
  }
  Count(state, kRecords * kRecord, kRecords);
}
BENCHMARK(BM_ReadLengthPrefixed)->Unit(benchmark::kMillisecond);

// What `sealtrain dataset verify` does with each shard, without a key.
void BM_VerifySegments(benchmark::State& state) {
  const Files& files = FilesOf(kTable);
  for (auto _ : state) {
    for (int i = 0; i < files.manifest.shard_size(); ++i) {
      Check(Take(ShardFile::Open(Env::Posix(), files.sealed(i), files.manifest,
                                 files.manifest.shard(i)))
                .VerifySegments(files.manifest));
    }
  }
  std::uint64_t sealed_bytes = 0;
  for (const custody::Shard& shard : files.manifest.shard()) sealed_bytes += shard.file_bytes();
  state.counters["sealed/plain"] =
      static_cast<double>(sealed_bytes) / static_cast<double>(files.unsealed_bytes);
  CountRows(state, kTable);
}
BENCHMARK(BM_VerifySegments)->Unit(benchmark::kMillisecond);

// --- sealing --------------------------------------------------------------------

// Arrays in memory to one shard of 128 MiB. Arguments: 0 into the page cache, 1
// until it is on the disk.
void BM_SealToFile(benchmark::State& state) {
  const TempDir folder;
  const std::vector<ColumnBuilder> group = NoiseGroup(kTable);
  const std::string path = folder.Join("bench.seal");
  for (auto _ : state) {
    const auto writer = NewWriter(kTable);
    for (std::uint64_t g = 0; g < kTable.groups; ++g) Check(writer->AppendGroup(group));
    if (state.range(0) == 1) {
      Take(StoreShard(Env::Posix(), path, *writer));
    } else {
      const auto file = Take(Env::Posix().OpenForWrite(path, Env::OpenMode::kTruncate));
      Take(writer->Finish(*file));
      Check(file->Close());
    }
    state.PauseTiming();
    Check(Env::Posix().Remove(path));
    state.ResumeTiming();
  }
  Count(state, kTable.bytes() / kTable.shards, kTable.all_rows() / kTable.shards);
}
BENCHMARK(BM_SealToFile)->Arg(0)->Arg(1)->Unit(benchmark::kMillisecond)->UseRealTime();

// A file sealed into another, as one stream: what sealing costs without columns and
// without the hashes that let everybody check a shard.
void BM_SealFileToFile(benchmark::State& state) {
  const Files& files = FilesOf(kTable);
  const TempDir folder;
  const std::string path = folder.Join("sealed");
  const crypto::StreamOptions options;
  const std::size_t segment = options.plaintext_bytes();
  auto plain = Take(crypto::SecretBytes::Allocate(16 * segment));
  Bytes sealed(16 * options.segment_bytes);
  const crypto::Dek key = KeyOf(1);
  for (auto _ : state) {
    const auto from = Take(Env::Posix().OpenForRead(files.unsealed(0)));
    const auto to = Take(Env::Posix().OpenForWrite(path, Env::OpenMode::kTruncate));
    auto sealer = Take(crypto::StreamSealer::Create(key, {}));
    Check(to->Append(sealer.header()));
    for (std::uint64_t at = 0; at < from->size(); at += plain.size()) {
      MutableByteSpan in = plain.mutable_span().first(
          static_cast<std::size_t>(std::min<std::uint64_t>(plain.size(), from->size() - at)));
      const bool last = at + in.size() == from->size();
      Check(from->ReadAt(at, in));
      std::size_t written = 0;
      while (!in.empty()) {
        const std::size_t n = std::min(in.size(), segment);
        const MutableByteSpan out =
            absl::MakeSpan(sealed).subspan(written, n + crypto::kSegmentOverhead);
        Check(last && n == in.size() ? sealer.SealFinalSegment(in, out)
                                     : sealer.SealSegment(in.first(n), out));
        written += out.size();
        in.remove_prefix(n);
      }
      Check(to->Append(ByteSpan(sealed).first(written)));
    }
    Check(to->Close());
    state.PauseTiming();
    Check(Env::Posix().Remove(path));
    state.ResumeTiming();
  }
  Count(state, kTable.bytes() / kTable.shards, kTable.all_rows() / kTable.shards);
}
BENCHMARK(BM_SealFileToFile)->Unit(benchmark::kMillisecond)->UseRealTime();

// The same bytes from one file to another, which is all that a copy can do.
void BM_CopyFile(benchmark::State& state) {
  const Files& files = FilesOf(kTable);
  const TempDir folder;
  const std::string path = folder.Join("copy");
  Bytes block(1 << 20);
  for (auto _ : state) {
    const auto from = Take(Env::Posix().OpenForRead(files.unsealed(0)));
    const auto to = Take(Env::Posix().OpenForWrite(path, Env::OpenMode::kTruncate));
    for (std::uint64_t offset = 0; offset < from->size(); offset += block.size()) {
      const auto n =
          static_cast<std::size_t>(std::min<std::uint64_t>(block.size(), from->size() - offset));
      Check(from->ReadAt(offset, absl::MakeSpan(block).first(n)));
      Check(to->Append(ByteSpan(block).first(n)));
    }
    Check(to->Close());
    state.PauseTiming();
    Check(Env::Posix().Remove(path));
    state.ResumeTiming();
  }
  Count(state, kTable.bytes() / kTable.shards, kTable.all_rows() / kTable.shards);
}
BENCHMARK(BM_CopyFile)->Unit(benchmark::kMillisecond)->UseRealTime();

// --- text scan ------------------------------------------------------------------

// A mail of 1 KiB; with something to find in every fourth line, or nothing.
std::string Mail(bool has_findings) {
  std::string mail = "Subject: Re: minutes of 2023-11-06\n\nDear all,\n\n";
  for (int line = 0; mail.size() < 1024; ++line) {
    if (has_findings && line % 4 == 3) {
      mail += "Call me at +44 20 7946 0018 or write to jane.doe@mail.example.org.\n";
    } else {
      mail += "please find the minutes below; we meet again at 9:30 in room 412, with\n";
    }
  }
  mail.resize(1024);
  return mail;
}
std::shared_ptr<const TextScanner> ScannerOfAllKinds() {
  using policy::TextScan;
  return Take(
      TextScanner::Create({TextScan::EMAIL_ADDRESS, TextScan::PHONE_NUMBER, TextScan::PAYMENT_CARD,
                           TextScan::IBAN, TextScan::NATIONAL_ID, TextScan::IP_ADDRESS,
                           TextScan::MAC_ADDRESS, TextScan::ACCESS_TOKEN, TextScan::PRIVATE_KEY}));
}

// Argument: whether there is something to find.
void BM_ScanMail(benchmark::State& state) {
  const std::string mail = Mail(state.range(0) == 1);
  const auto scanner = ScannerOfAllKinds();
  std::vector<TextFinding> findings;
  for (auto _ : state) {
    scanner->Find(mail, findings);
    benchmark::DoNotOptimize(findings.data());
  }
  state.counters["findings"] = static_cast<double>(findings.size());
  Count(state, mail.size(), 1);
}
BENCHMARK(BM_ScanMail)->Arg(0)->Arg(1);

void BM_ScrubMail(benchmark::State& state) {
  const std::string mail = Mail(state.range(0) == 1);
  const auto scanner = ScannerOfAllKinds();
  std::vector<TextFinding> findings;
  std::string scrubbed;
  for (auto _ : state) {
    scanner->Find(mail, findings);
    ScrubText(mail, findings, scrubbed);
    benchmark::DoNotOptimize(scrubbed.data());
  }
  Count(state, mail.size(), 1);
}
BENCHMARK(BM_ScrubMail)->Arg(0)->Arg(1);

// The slowest that is known of the texts that are made to be slow.
void BM_ScanHostileText(benchmark::State& state) {
  std::string text;
  while (text.size() < 512 * 1024) text += "DE89 DE89 DE89 ";
  const auto scanner = ScannerOfAllKinds();
  std::vector<TextFinding> findings;
  for (auto _ : state) {
    scanner->Find(text, findings);
    benchmark::DoNotOptimize(findings.data());
  }
  Count(state, text.size(), 1);
}
BENCHMARK(BM_ScanHostileText)->Unit(benchmark::kMillisecond);

// What a review does at least.
void BM_CopyMail(benchmark::State& state) {
  const std::string mail = Mail(true);
  std::string copy(mail.size(), '\0');
  for (auto _ : state) {
    std::memcpy(copy.data(), mail.data(), mail.size());
    benchmark::DoNotOptimize(copy.data());
    benchmark::ClobberMemory();
  }
  Count(state, mail.size(), 1);
}
BENCHMARK(BM_CopyMail);

// --- parsing -------------------------------------------------------------------

constexpr int kRecords = 20'000;

std::string JsonlRecords() {
  std::string text;
  for (int i = 0; i < kRecords; ++i) {
    absl::StrAppend(
        &text, R"({"user":"user)", i, R"(@example.org","flag":true,"i32":)", i, R"(,"i64":)",
        i * 1000003LL, R"(,"u32":7,"u64":8,"f":1.5,"d":-2.25e3,"color":"RED","text":"some free )",
        R"(text of ordinary length number )", i,
        R"(","blob":"AAEC","maybe":null,"maybe_text":"x","numbers":[1,2,3],"words":["a","b"],)",
        R"("place":{"city":"Bonn","height":60.5},"s32":-5,"x64":7})", "\n");
  }
  return text;
}

std::string CsvRecords() {
  std::string text = "user,age,score,text,spam,color,place.city,blob,big\r\n";
  for (int i = 0; i < kRecords; ++i) {
    absl::StrAppend(&text, "user", i, "@example.org,", i % 500,
                    ",1.5,\"some free text, with a comma, number ", i, "\",true,RED,Bonn,AAEC,",
                    i * 1000003LL, "\r\n");
  }
  return text;
}

void Parse(benchmark::State& state, Format format, const std::string& text,
           const std::shared_ptr<const policy::Schema>& schema) {
  const auto record = schema->NewRecord();
  for (auto _ : state) {
    std::istringstream input(text);
    const auto source = OpenSource(format, input, "bench", schema);
    while (Take(source->Next(*record))) {
    }
  }
  state.SetBytesProcessed(static_cast<std::int64_t>(text.size()) * state.iterations());
  state.SetItemsProcessed(std::int64_t{kRecords} * state.iterations());
}

void BM_ParseJsonl(benchmark::State& state) {
  Parse(state, Format::kJsonl, JsonlRecords(),
        testing::SchemaOf(testing::kEverythingProto, "Everything"));
}
BENCHMARK(BM_ParseJsonl)->Unit(benchmark::kMillisecond);

void BM_ParseCsv(benchmark::State& state) {
  Parse(state, Format::kCsv, CsvRecords(), testing::SchemaOf(testing::kFlatProto, "Flat"));
}
BENCHMARK(BM_ParseCsv)->Unit(benchmark::kMillisecond);

// Everything that `sealtrain ingest` does: parse, review, seal, commit. Argument: what the
// policy asks for beyond; 1: k-anonymity, in 500 groups; 2: a search of every text.
void BM_IngestCsv(benchmark::State& state) {
  constexpr const char* kDuties[] = {
      "", "obligation { k_anonymity { k: 5 max_suppressed: 0 } }",
      "obligation { text_scan { on_class: FREE_TEXT look_for: EMAIL_ADDRESS "
      "look_for: PHONE_NUMBER look_for: PAYMENT_CARD look_for: IBAN look_for: NATIONAL_ID "
      "look_for: IP_ADDRESS look_for: MAC_ADDRESS look_for: ACCESS_TOKEN look_for: PRIVATE_KEY "
      "then: SCRUB } }"};
  const auto world = Take(TestWorld::Create());
  const std::string pseudonyms = "kind: PSEUDONYMIZE domain: \"test\" } }";
  Check(world->ApplyPolicy(
      absl::StrReplaceAll(TestWorld::kKeepPolicy,
                          {{pseudonyms, absl::StrCat(pseudonyms, " ", kDuties[state.range(0)])}})));
  Check(world->CreateDataset("flat", testing::kFlatProto, "Flat"));
  const auto schema = Take(world->custody().GetDataset("flat")).schema;
  const std::string text = CsvRecords();
  for (auto _ : state) {
    IngestionOptions options;
    options.store = world->store();
    options.request = {
        .principal = TestWorld::kPrincipal, .dataset = "flat", .purpose = TestWorld::kPurpose};
    const auto job = Take(Ingestion::Start(world->custody(), options));
    std::istringstream input(text);
    const auto source = OpenSource(Format::kCsv, input, "bench", schema);
    Check(job->AppendAll(*source, nullptr, nullptr));
    Take(job->Commit());
  }
  state.SetBytesProcessed(static_cast<std::int64_t>(text.size()) * state.iterations());
  state.SetItemsProcessed(std::int64_t{kRecords} * state.iterations());
}
BENCHMARK(BM_IngestCsv)->DenseRange(0, 2)->Unit(benchmark::kMillisecond)->UseRealTime();

// --- a data set of many shards ----------------------------------------------------

// Everything up to the first row: manifest, signatures, the first shard's keys.
void BM_OpenManyShards(benchmark::State& state) {
  const auto world = Take(TestWorld::Create());
  Check(world->ApplyPolicy(TestWorld::kKeepPolicy));
  Check(world->CreateDataset("flat", testing::kFlatProto, "Flat"));
  IngestionOptions options;
  options.store = world->store();
  options.request = {
      .principal = TestWorld::kPrincipal, .dataset = "flat", .purpose = TestWorld::kPurpose};
  options.rows_per_shard = 1;
  const auto job = Take(Ingestion::Start(world->custody(), options));
  const auto schema = Take(world->custody().GetDataset("flat")).schema;
  const auto record = schema->NewRecord();
  record->GetReflection()->SetString(record.get(), record->GetDescriptor()->FindFieldByName("user"),
                                     "somebody");
  for (std::int64_t i = 0; i < state.range(0); ++i) Check(job->Append(*record));
  Take(job->Commit());
  const auto permit = Take(world->custody().RequestTrain({.principal = TestWorld::kPrincipal,
                                                          .dataset = "flat",
                                                          .purpose = TestWorld::kPurpose,
                                                          .columns = {"age", "spam"},
                                                          .model = "model",
                                                          .dp = std::nullopt}));
  for (auto _ : state) {
    const auto reader = Take(DatasetReader::Open(
        world->custody(), permit, {.store = world->store(), .columns = {"age", "spam"}}));
    benchmark::DoNotOptimize(Take(reader->Next()));
  }
}
BENCHMARK(BM_OpenManyShards)->Arg(10'000)->Unit(benchmark::kMillisecond)->UseRealTime();

}  // namespace
}  // namespace sealtrain::pipeline
