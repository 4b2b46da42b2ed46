// Attacks by whoever may write the store, beyond those beside the formats that
// they attack. docs/testing.md lists all of them.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <zstd.h>

#include <ctime>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "absl/base/config.h"
#include "sealtrain/crypto/hash.h"
#include "sealtrain/pipeline/dataset/manifest_file.h"
#include "sealtrain/pipeline/dataset/store_layout.h"
#include "sealtrain/pipeline/open/chunk_view.h"
#include "sealtrain/pipeline/open/shard_index.h"
#include "sealtrain/pipeline/seal/chunk_codec.h"
#include "sealtrain/pipeline/seal/shard_layout.h"
#include "sealtrain/tests/pipeline/ingestion_fixture.h"
#include "sealtrain/tests/pipeline/shard_fixture.h"
#include "sealtrain/tests/util/child_process.h"

namespace sealtrain::pipeline {
namespace {

namespace fs = std::filesystem;
using ::sealtrain::testing::CsvRows;
using ::sealtrain::testing::IngestionTest;
using ::sealtrain::testing::ReadAll;
using ::sealtrain::testing::StatusIs;
using ::sealtrain::testing::WriteAll;
using ::testing::HasSubstr;
using ::testing::SizeIs;

class AttackTest : public IngestionTest {
 protected:
  // Two snapshots; `old_` is the store as it was after the first.
  void SetUp() override {
    IngestionTest::SetUp();
    ASSERT_OK(IngestCsv(CsvRows(0, 4)));
    fs::copy(world_->store(), old_, fs::copy_options::recursive);
    ASSERT_OK(IngestCsv(CsvRows(4, 8)));
    ASSERT_OK(Verify());
  }
  void ExpectRefused() {
    EXPECT_THAT(Verify(), StatusIs(absl::StatusCode::kDataLoss));
    EXPECT_THAT(Column("age"), StatusIs(absl::StatusCode::kDataLoss));
  }
  void PutStore(const std::string& from) {
    fs::remove_all(world_->store());
    fs::copy(from, world_->store(), fs::copy_options::recursive);
  }

  const std::string old_ = ::testing::TempDir() + "sealtrain-attack-" + std::to_string(::getpid());
  void TearDown() override { fs::remove_all(old_); }
};

TEST_F(AttackTest, WithTheStoreOfAnOlderGenerationIsRefused) {
  PutStore(old_);
  ExpectRefused();
}

TEST_F(AttackTest, WithTheNewestManifestOverTheShardsOfAnOlderGenerationIsRefused) {
  const std::string manifest = FilesEndingIn(".manifest").back();
  const std::string bytes = ReadAll(manifest);
  PutStore(old_);
  WriteAll(manifest, bytes);
  ExpectRefused();
}

TEST_F(AttackTest, WithAShardOfAnotherDataSetInItsPlaceIsRefused) {
  const std::vector<std::string> ours = FilesEndingIn(".seal");
  ASSERT_OK(world_->CreateDataset("twin", ::sealtrain::testing::kFlatProto, "Flat"));
  ASSERT_OK(IngestCsv(CsvRows(0, 4), Options("twin")));
  for (const std::string& path : FilesEndingIn(".seal")) {
    if (path.find("/twin/") != std::string::npos) WriteAll(ours[0], ReadAll(path));
  }
  ExpectRefused();
}

TEST_F(AttackTest, WithAGenerationThatIsTheHighestNumberIsRefused) {
  constexpr std::uint64_t kHighest = ~std::uint64_t{0};
  EXPECT_THAT(ReadManifest(custody(), Env::Posix(), world_->store(), "flat", kHighest),
              StatusIs(absl::StatusCode::kNotFound));
  // The newest manifest says that it is that one: nobody signed this.
  custody::SignedManifest file;
  ASSERT_TRUE(file.ParseFromString(ReadAll(FilesEndingIn(".manifest").back())));
  custody::Manifest manifest;
  ASSERT_TRUE(manifest.ParseFromString(file.manifest()));
  manifest.set_generation(kHighest);
  file.set_manifest(manifest.SerializeAsString());
  const Digest digest = crypto::Sha256(AsBytes(file.manifest()));
  EXPECT_THAT(VerifyManifest(AsBytes(file.SerializeAsString()),
                             {.dataset = "flat", .generation = kHighest, .manifest_sha256 = digest},
                             custody().manifest_public_key()),
              StatusIs(absl::StatusCode::kDataLoss));
  WriteAll(ManifestPath(world_->store(), "flat", kHighest, digest), file.SerializeAsString());
  EXPECT_OK(Verify());
  EXPECT_THAT(Column("age").value(), SizeIs(8));
  EXPECT_OK(IngestCsv(CsvRows(8, 9)));
}

TEST_F(AttackTest, WithALinkToAnotherShardIsRefused) {
  const std::vector<std::string> shards = FilesEndingIn(".seal");
  fs::remove(shards[0]);
  fs::create_symlink(shards[1], shards[0]);
  ExpectRefused();
}

TEST_F(AttackTest, WithWhatIsNoFileInAShardsPlaceEndsWithAnError) {
  const std::string path = FilesEndingIn(".seal")[0];
  fs::remove(path);
  ASSERT_EQ(::mkfifo(path.c_str(), 0600), 0);  // must not be waited for
  EXPECT_FALSE(Verify().ok());
  EXPECT_FALSE(Column("age").ok());
  fs::remove(path);
  fs::create_directory(path);
  EXPECT_FALSE(Verify().ok());
  EXPECT_FALSE(Column("age").ok());
}

TEST_F(AttackTest, WithAPathForANameIsRefused) {
  for (const std::string& name :
       {std::string("../flat"), std::string("/etc"), std::string("flat/.."),
        std::string("flat\0", 5), std::string("./flat")}) {
    EXPECT_THAT(VerifyDataset(custody(), Env::Posix(), world_->store(), name),
                StatusIs(absl::StatusCode::kNotFound))
        << name;
    EXPECT_FALSE(Ingestion::Start(custody(), Options(name)).ok()) << name;
    EXPECT_FALSE(world_->CreateDataset(name, ::sealtrain::testing::kFlatProto, "Flat").ok())
        << name;
  }
}

// --- attacks on memory -------------------------------------------------------------

#if !defined(ABSL_HAVE_ADDRESS_SANITIZER) && !defined(ABSL_HAVE_THREAD_SANITIZER)

// `attack` must be refused as damage within four seconds by a process that cannot
// have more than 256 MiB of addresses; an allocation beyond that ends it.
void ExpectRefusedInLittleMemory(const char* what, const std::function<absl::Status()>& attack) {
  const int status = ::sealtrain::testing::StatusOfChild([&] {
    const rlimit limit{256 << 20, 256 << 20};
    if (::setrlimit(RLIMIT_AS, &limit) != 0) ::_exit(3);
    // Of the processor's time, so that it does not matter what else is running.
    const std::clock_t start = std::clock();
    if (!absl::IsDataLoss(attack())) ::_exit(1);
    ::_exit(std::clock() - start < 4 * CLOCKS_PER_SEC ? 0 : 2);
  });
  EXPECT_TRUE(WIFEXITED(status)) << what << ": out of memory, signal " << WTERMSIG(status);
  if (WIFEXITED(status)) {
    EXPECT_EQ(WEXITSTATUS(status), 0) << what << " (1: not refused, 2: too slow)";
  }
}

std::string Repeated(const std::string& unit, std::size_t bytes) {
  std::string text;
  text.reserve(bytes + unit.size());
  while (text.size() < bytes) text += unit;
  return text;
}

class MemoryAttackTest : public IngestionTest {
 protected:
  void ExpectManifestRefused(const char* what, const std::string& unit) {
    const SnapshotRef ref{.dataset = "flat", .generation = 1, .manifest_sha256 = {}};
    fs::create_directories(ManifestsFolder(world_->store(), "flat"));
    const std::string path = ManifestPath(world_->store(), "flat", 1, {});
    WriteAll(path, Repeated(unit, 64 << 20));
    const crypto::PublicKey key = custody().manifest_public_key();
    ExpectRefusedInLittleMemory(
        what, [&] { return ReadManifestFile(Env::Posix(), world_->store(), ref, key).status(); });
  }
  static absl::Status DecodeIndex(const std::string& encoded) {
    Bytes plaintext;
    plaintext.reserve(PaddedBytes(encoded.size() + kIndexPrefixBytes));
    AppendBigEndian(encoded.size(), kIndexPrefixBytes, plaintext);
    plaintext.insert(plaintext.end(), encoded.begin(), encoded.end());
    plaintext.resize(PaddedBytes(plaintext.size()));
    return DecodeShardIndex(plaintext, {.rows = 1, .stream_bytes = 1}).status();
  }
};

TEST_F(MemoryAttackTest, ByAManifestOfUnknownFieldsIsRefused) {
  ExpectManifestRefused("empty unknown strings", std::string("\x7a\x00", 2));
  ExpectManifestRefused("unknown numbers", std::string("\x78\x01", 2));
}

TEST_F(MemoryAttackTest, ByNestedMessagesIsRefused) {
  ExpectManifestRefused("groups in groups", "\x0b");
  ExpectManifestRefused("unknown groups in groups", "\x7b");
  ExpectRefusedInLittleMemory("an index of groups",
                              [] { return DecodeIndex(std::string(16 << 20, '\x0b')); });
  ExpectRefusedInLittleMemory("an index of unknown fields", [] {
    return DecodeIndex(Repeated(std::string("\x7a\x00", 2), 16 << 20));
  });
  // Each is a column that holds nothing but unknown fields.
  ExpectRefusedInLittleMemory("an index of columns of unknown fields", [] {
    return DecodeIndex(Repeated(std::string("\x12\x04\x7a\x00\x7a\x00", 6), 16 << 20));
  });
}

TEST_F(MemoryAttackTest, ByHugeNumbersOfRowsIsRefused) {
  ExpectRefusedInLittleMemory("rows without bytes", [] {
    for (const std::uint64_t rows : {std::uint64_t{1} << 20, std::uint64_t{1} << 40,
                                     std::uint64_t{1} << 61, ~std::uint64_t{0}}) {
      for (const ValueType type : {ValueType::kBool, ValueType::kDouble, ValueType::kBytes}) {
        for (const bool repeated : {false, true}) {
          const Bytes few(64, 0);
          const absl::Status status =
              ViewChunk({.type = type, .repeated = repeated, .rows = rows, .values = rows}, few)
                  .status();
          if (!absl::IsDataLoss(status)) return absl::InternalError("accepted");
        }
      }
    }
    return absl::DataLossError("all refused");
  });
  ExpectRefusedInLittleMemory("an index of the largest groups", [] {
    ShardIndex index;
    for (int i = 0; i < 100'000; ++i) index.add_group_rows(1 << 20);
    return DecodeIndex(index.SerializeAsString());
  });
}

TEST_F(MemoryAttackTest, ByACompressionBombIsRefused) {
  // A gigabyte of zeros in some ten thousands of bytes, with and without its
  // size in the head of the frame.
  for (const bool tells_size : {false, true}) {
    ZSTD_CCtx* const context = ZSTD_createCCtx();
    ZSTD_CCtx_setParameter(context, ZSTD_c_contentSizeFlag, tells_size ? 1 : 0);
    constexpr std::size_t kBomb = 1 << 30;
    if (tells_size) ZSTD_CCtx_setPledgedSrcSize(context, kBomb);
    const std::string zeros(1 << 20, '\0');
    std::string frame(1 << 20, '\0');
    ZSTD_outBuffer out{frame.data(), frame.size(), 0};
    for (std::size_t done = 0; done < kBomb; done += zeros.size()) {
      ZSTD_inBuffer in{zeros.data(), zeros.size(), 0};
      const bool last = done + zeros.size() == kBomb;
      ASSERT_EQ(ZSTD_isError(
                    ZSTD_compressStream2(context, &out, &in, last ? ZSTD_e_end : ZSTD_e_continue)),
                0u);
    }
    ZSTD_freeCCtx(context);
    frame.resize(out.pos);
    ASSERT_LT(frame.size(), std::size_t{200'000});
    ExpectRefusedInLittleMemory("a gigabyte", [&]() -> absl::Status {
      auto decompressor = ChunkDecompressor::Create();
      if (!decompressor.ok()) return decompressor.status();
      auto raw = crypto::SecretBytes::Allocate(1 << 20);
      if (!raw.ok()) return raw.status();
      return decompressor->Decompress(AsBytes(frame), raw->mutable_span());
    });
  }
}

#endif  // not sanitized

}  // namespace
}  // namespace sealtrain::pipeline
