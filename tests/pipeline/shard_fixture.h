// Shards without custody: keys of the test's own, a manifest entry made by hand.
#ifndef SEALTRAIN_TESTS_PIPELINE_SHARD_FIXTURE_H_
#define SEALTRAIN_TESTS_PIPELINE_SHARD_FIXTURE_H_

#include <gtest/gtest.h>

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "sealtrain/base/env.h"
#include "sealtrain/custody/manifest.pb.h"
#include "sealtrain/custody/permit.h"
#include "sealtrain/pipeline/open/shard_file.h"
#include "sealtrain/pipeline/open/shard_reader.h"
#include "sealtrain/pipeline/seal/shard_layout.h"
#include "sealtrain/pipeline/seal/shard_store.h"
#include "sealtrain/pipeline/seal/shard_writer.h"
#include "sealtrain/tests/util/status_matchers.h"
#include "sealtrain/tests/util/temp_dir.h"

namespace sealtrain::testing {

inline crypto::Dek KeyOf(std::uint8_t byte) {
  const Bytes bytes(crypto::kKeyBytes, byte);
  return *crypto::Dek::FromBytes(*crypto::SecretBytes::CopyFrom(bytes));
}

inline Id IdOf(std::uint8_t byte) {
  Id id;
  id.fill(byte);
  return id;
}

inline std::string ReadAll(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return std::string(std::istreambuf_iterator<char>(file), {});
}
// A new file in the place of the old one: some file systems make truncating
// and writing wait for the disk.
inline void WriteAll(const std::string& path, const std::string& bytes) {
  std::filesystem::remove(path);
  std::ofstream(path, std::ios::binary) << bytes;
}

class ShardTest : public ::testing::Test {
 protected:
  // Keys of columns "1", "2", … are bytes 0x11, 0x12, …; of the index 0x1f.
  static custody::ShardKeys Keys(const std::vector<pipeline::ColumnSpec>& columns,
                                 const Id& shard_id) {
    custody::ShardKeys keys{
        .shard_id = shard_id, .key_epoch = 1, .columns = {}, .index = KeyOf(0x1f)};
    for (const pipeline::ColumnSpec& column : columns) {
      keys.columns.push_back(
          {.column_id = column.id,
           .dek = KeyOf(static_cast<std::uint8_t>(0x10 + column.id.front() - '0'))});
    }
    return keys;
  }
  custody::ShardKeys Keys() const { return Keys(columns_, shard_id_); }

  static pipeline::ShardHeader Header() {
    pipeline::ShardHeader header;
    header.set_dataset("mails");
    header.set_policy_sha256(std::string(32, '\xa1'));
    header.set_schema_sha256(std::string(32, '\xb2'));
    header.set_permit_id(std::string(16, '\xc3'));
    return header;
  }
  // A manifest that a shard with Header() belongs to.
  static custody::Manifest Manifest() {
    custody::Manifest manifest;
    manifest.set_dataset("mails");
    manifest.set_schema_sha256(std::string(32, '\xb2'));
    custody::SealPlan& plan = *manifest.add_plan();
    plan.set_policy_sha256(std::string(32, '\xa1'));
    plan.set_permit_id(std::string(16, '\xc3'));
    return manifest;
  }

  std::string path() const { return folder_.Join("shard.seal"); }

  // Seals `groups` (each the builders of all columns) into path().
  void Seal(const std::vector<const std::vector<pipeline::ColumnBuilder>*>& groups) {
    ASSERT_OK_AND_ASSIGN(auto writer, pipeline::ShardWriter::Create(Header(), Keys(), columns_));
    for (const auto* group : groups) ASSERT_OK(writer->AppendGroup(*group));
    std::filesystem::remove(path());
    ASSERT_OK_AND_ASSIGN(shard_, pipeline::StoreShard(Env::Posix(), path(), *writer));
  }

  absl::StatusOr<std::unique_ptr<pipeline::ShardReader>> OpenShard(
      const custody::ShardKeys& keys, const std::vector<pipeline::ColumnSpec>& columns) const {
    auto file = pipeline::ShardFile::Open(Env::Posix(), path(), Manifest(), shard_);
    if (!file.ok()) return file.status();
    return pipeline::ShardReader::Open(*std::move(file), keys, columns, space_);
  }
  absl::StatusOr<std::unique_ptr<pipeline::ShardReader>> OpenShard() const {
    return OpenShard(Keys(), columns_);
  }

  // Opens everything: the first error, or OK.
  absl::Status ReadEverything() const {
    auto reader = OpenShard();
    if (!reader.ok()) return reader.status();
    for (std::size_t group = 0; group < (*reader)->groups(); ++group) {
      auto batch = (*reader)->ReadGroup(group);
      if (!batch.ok()) return batch.status();
    }
    return absl::OkStatus();
  }

  // Where the leaves of the shard at path() begin.
  std::size_t LeavesBegin() const {
    return shard_.file_bytes() - pipeline::kTrailerBytes - shard_.segments() * sizeof(Digest);
  }

  // What can be checked without a key, with the columns' names in the plan.
  absl::Status VerifySegments() const {
    custody::Manifest manifest = Manifest();
    for (const pipeline::ColumnSpec& column : columns_) {
      custody::SealedColumn& sealed = *manifest.mutable_plan(0)->add_column();
      sealed.set_id(column.id);
      sealed.set_name(column.name);
    }
    auto file = pipeline::ShardFile::Open(Env::Posix(), path(), manifest, shard_);
    return file.ok() ? file->VerifySegments(manifest) : file.status();
  }

  TempDir folder_;
  Id shard_id_ = IdOf(7);
  std::vector<pipeline::ColumnSpec> columns_;
  custody::Shard shard_;
  // Of all readers that a test opens: it reads with one at a time.
  mutable pipeline::ReadSpace space_;
};

}  // namespace sealtrain::testing

#endif  // SEALTRAIN_TESTS_PIPELINE_SHARD_FIXTURE_H_
