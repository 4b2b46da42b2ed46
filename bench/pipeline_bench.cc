// How fast records become shards and shards become arrays, beside what bounds
// them: bare AES-256-GCM over the same bytes, and the same layout unsealed.
//
// Compare figures of one run only.
#include <benchmark/benchmark.h>
#include <openssl/evp.h>

#include <cstdint>
#include <cstdlib>
#include <iostream>
#include <memory>
#include <random>
#include <sstream>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "sealtrain/base/env.h"
#include "sealtrain/crypto/sealed_stream.h"
#include "sealtrain/pipeline/ingestion.h"
#include "sealtrain/pipeline/open/shard_file.h"
#include "sealtrain/pipeline/open/shard_reader.h"
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

// Sixteen float features of noise, which zstd cannot shrink: what is measured
// is sealing. 4,096 rows a group, 64 MiB in all.
constexpr std::uint64_t kColumns = 16;
constexpr std::uint64_t kGroupRows = 4096;
constexpr std::uint64_t kGroups = 256;
constexpr std::uint64_t kPlainBytes = kColumns * kGroupRows * kGroups * sizeof(float);

crypto::Dek KeyOf(std::uint8_t byte) {
  return Take(
      crypto::Dek::FromBytes(Take(crypto::SecretBytes::CopyFrom(Bytes(crypto::kKeyBytes, byte)))));
}

std::vector<ColumnSpec> Columns() {
  std::vector<ColumnSpec> columns;
  for (std::uint64_t i = 1; i <= kColumns; ++i) {
    columns.push_back({.id = absl::StrCat(i),
                       .name = absl::StrCat("f", i),
                       .type = ValueType::kFloat,
                       .repeated = false});
  }
  return columns;
}

custody::ShardKeys Keys() {
  custody::ShardKeys keys{.shard_id = {}, .key_epoch = 1, .columns = {}, .index = KeyOf(0xff)};
  for (const ColumnSpec& column : Columns()) {
    keys.columns.push_back({.column_id = column.id, .dek = KeyOf(1)});
  }
  return keys;
}

std::vector<ColumnBuilder> NoiseGroup() {
  std::mt19937 random(1);
  std::uniform_real_distribution<float> noise(-1e6f, 1e6f);
  std::vector<ColumnBuilder> group;
  for (const ColumnSpec& column : Columns()) {
    ColumnBuilder& builder = group.emplace_back(column);
    for (std::uint64_t row = 0; row < kGroupRows; ++row) {
      Check(builder.AppendNumber(noise(random)));
      Check(builder.EndRow());
    }
  }
  return group;
}

std::unique_ptr<ShardWriter> NewWriter() {
  ShardHeader header;
  header.set_dataset("bench");
  header.set_policy_sha256(std::string(32, 'p'));
  header.set_schema_sha256(std::string(32, 's'));
  header.set_permit_id(std::string(16, 'i'));
  return Take(ShardWriter::Create(header, Keys(), Columns()));
}

custody::Manifest Manifest() {
  custody::Manifest manifest;
  manifest.set_dataset("bench");
  manifest.set_schema_sha256(std::string(32, 's'));
  custody::SealPlan& plan = *manifest.add_plan();
  plan.set_policy_sha256(std::string(32, 'p'));
  plan.set_permit_id(std::string(16, 'i'));
  return manifest;
}

// A shard and the same chunks unsealed, made once.
struct Files {
  TempDir folder;
  std::string sealed = folder.Join("bench.seal");
  std::string unsealed = folder.Join("bench.plain");
  custody::Shard shard;

  Files() {
    const std::vector<ColumnBuilder> group = NoiseGroup();
    const auto writer = NewWriter();
    auto plain = Take(Env::Posix().OpenForWrite(unsealed, Env::OpenMode::kTruncate));
    for (std::uint64_t g = 0; g < kGroups; ++g) {
      Check(writer->AppendGroup(group));
      for (const ColumnBuilder& builder : group) {
        SecretBuffer chunk;
        Check(builder.LayOut(chunk));
        Check(plain->Append(chunk.span()));
      }
    }
    shard = Take(StoreShard(Env::Posix(), sealed, *writer));
  }
};
const Files& TheFiles() {
  static const Files& files = *new Files;
  return files;
}

void CountRows(benchmark::State& state) {
  state.SetBytesProcessed(static_cast<std::int64_t>(kPlainBytes) * state.iterations());
  state.SetItemsProcessed(static_cast<std::int64_t>(kGroups * kGroupRows) * state.iterations());
}

void BM_SealToDisk(benchmark::State& state) {
  const TempDir folder;
  const std::vector<ColumnBuilder> group = NoiseGroup();
  const std::string path = folder.Join("bench.seal");
  for (auto _ : state) {
    const auto writer = NewWriter();
    for (std::uint64_t g = 0; g < kGroups; ++g) Check(writer->AppendGroup(group));
    Take(StoreShard(Env::Posix(), path, *writer));
    Check(Env::Posix().Remove(path));
  }
  CountRows(state);
}
BENCHMARK(BM_SealToDisk)->Unit(benchmark::kMillisecond)->UseRealTime();

void BM_SealToMemory(benchmark::State& state) {
  const std::vector<ColumnBuilder> group = NoiseGroup();
  for (auto _ : state) {
    const auto writer = NewWriter();
    for (std::uint64_t g = 0; g < kGroups; ++g) Check(writer->AppendGroup(group));
    benchmark::DoNotOptimize(writer->sealed_bytes());
  }
  CountRows(state);
}
BENCHMARK(BM_SealToMemory)->Unit(benchmark::kMillisecond);

void BM_OpenToSpans(benchmark::State& state) {
  const Files& files = TheFiles();
  for (auto _ : state) {
    auto file = Take(ShardFile::Open(Env::Posix(), files.sealed, Manifest(), files.shard));
    const auto reader = Take(ShardReader::Open(std::move(file), Keys(), Columns()));
    for (std::size_t g = 0; g < reader->groups(); ++g) {
      benchmark::DoNotOptimize(Take(reader->ReadGroup(g)).columns[0].values.data());
    }
  }
  CountRows(state);
}
BENCHMARK(BM_OpenToSpans)->Unit(benchmark::kMillisecond);

void BM_ReadUnsealed(benchmark::State& state) {
  const Files& files = TheFiles();
  for (auto _ : state) {
    const auto file = Take(Env::Posix().OpenForRead(files.unsealed));
    Bytes chunk(kGroupRows * sizeof(float));
    for (std::uint64_t offset = 0; offset < file->size(); offset += chunk.size()) {
      Check(file->ReadAt(offset, absl::MakeSpan(chunk)));
      benchmark::DoNotOptimize(chunk.data());
    }
  }
  CountRows(state);
}
BENCHMARK(BM_ReadUnsealed)->Unit(benchmark::kMillisecond);

// The floor under every sealed reader: nothing but AES-256-GCM over segments
// of the same size, in place, from memory.
void BM_BareGcm(benchmark::State& state) {
  constexpr int kSegment = 65504;
  Bytes key(32, 1);
  Bytes nonce(12, 2);
  Bytes segment(kSegment, 3);
  Bytes out(kSegment);
  Bytes tag(16);
  EVP_CIPHER_CTX* const context = EVP_CIPHER_CTX_new();
  EVP_DecryptInit_ex(context, EVP_aes_256_gcm(), nullptr, key.data(), nonce.data());
  for (auto _ : state) {
    for (std::uint64_t done = 0; done < kPlainBytes; done += kSegment) {
      int n = 0;
      EVP_DecryptInit_ex(context, nullptr, nullptr, nullptr, nonce.data());
      EVP_DecryptUpdate(context, out.data(), &n, segment.data(), kSegment);
      EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_GCM_SET_TAG, 16, tag.data());
      benchmark::DoNotOptimize(EVP_DecryptFinal_ex(context, out.data(), &n));
    }
  }
  EVP_CIPHER_CTX_free(context);
  CountRows(state);
}
BENCHMARK(BM_BareGcm)->Unit(benchmark::kMillisecond);

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
    absl::StrAppend(&text, "user", i, "@example.org,42,1.5,\"some free text, with a comma, number ",
                    i, "\",true,RED,Bonn,AAEC,", i * 1000003LL, "\r\n");
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

// Everything that `sealtrain ingest` does: parse, review, seal, commit.
void BM_IngestCsv(benchmark::State& state) {
  const auto world = Take(TestWorld::Create());
  Check(world->ApplyPolicy(TestWorld::kKeepPolicy));
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
BENCHMARK(BM_IngestCsv)->Unit(benchmark::kMillisecond)->UseRealTime();

}  // namespace
}  // namespace sealtrain::pipeline
