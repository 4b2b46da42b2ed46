// Ingestion into a small world, and what a reader then sees.
#ifndef SEALTRAIN_TESTS_PIPELINE_INGESTION_FIXTURE_H_
#define SEALTRAIN_TESTS_PIPELINE_INGESTION_FIXTURE_H_

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "sealtrain/pipeline/dataset.h"
#include "sealtrain/pipeline/dataset_reader.h"
#include "sealtrain/pipeline/ingestion.h"
#include "sealtrain/tests/pipeline/schema_fixture.h"
#include "sealtrain/tests/util/status_matchers.h"
#include "sealtrain/tests/util/test_world.h"

namespace sealtrain::testing {

inline constexpr char kCsvHeader[] = "user,age,score,text,spam,color,place.city,blob,big\n";
inline std::string CsvRow(int i) {
  return absl::StrCat("user", i, ",", i, ",", i, ".5,text ", i, ",true,RED,Bonn,,", i, "\n");
}
inline std::string CsvRows(int begin, int end) {
  std::string text;
  for (int i = begin; i < end; ++i) text += CsvRow(i);
  return text;
}

// A job over rows of CSV, from its start to its commit.
inline absl::StatusOr<pipeline::IngestionResult> IngestCsvInto(
    custody::Custody& custody, const std::string& rows, const pipeline::IngestionOptions& options,
    const std::function<void(const absl::Status&)>& on_skip = nullptr) {
  auto job = pipeline::Ingestion::Start(custody, options);
  if (!job.ok()) return job.status();
  std::istringstream input(kCsvHeader + rows);
  auto info = custody.GetDataset(options.request.dataset);
  if (!info.ok()) return info.status();
  auto source = pipeline::OpenSource(pipeline::Format::kCsv, input, "in", info->schema);
  absl::Status appended = (*job)->AppendAll(*source, on_skip, nullptr);
  if (!appended.ok()) return appended;
  return (*job)->Commit();
}

inline void AppendValues(const pipeline::ColumnView& view, std::vector<std::string>& values) {
  for (std::uint64_t row = 0; row < view.rows; ++row) {
    if (view.IsNull(row)) {
      values.push_back("null");
      continue;
    }
    const std::uint64_t begin = view.repeated ? view.list_offsets[row] : row;
    const std::uint64_t end = view.repeated ? view.list_offsets[row + 1] : row + 1;
    std::vector<std::string> parts;
    for (std::uint64_t i = begin; i < end; ++i) {
      parts.push_back(view.type == pipeline::ValueType::kBytes ? std::string(view.Text(i))
                                                               : absl::StrCat(view.Number(i)));
    }
    values.push_back(absl::StrJoin(parts, "|"));
  }
}

// All values of a column, as text.
inline absl::StatusOr<std::vector<std::string>> ColumnOf(custody::Custody& custody,
                                                         const std::string& store,
                                                         const custody::TrainRequest& request,
                                                         const std::string& column) {
  auto permit = custody.RequestTrain(request);
  if (!permit.ok()) return permit.status();
  auto reader =
      pipeline::DatasetReader::Open(custody, *permit, {.store = store, .columns = {column}});
  if (!reader.ok()) return reader.status();
  std::vector<std::string> values;
  while (true) {
    const absl::StatusOr<const pipeline::RowBlock*> block = (*reader)->Next();
    if (!block.ok()) return block.status();
    if (*block == nullptr) break;
    for (const pipeline::ColumnBatch& batch : (*block)->groups) {
      EXPECT_EQ(batch.first_row, values.size());
      AppendValues(batch.columns[0], values);
    }
  }
  EXPECT_EQ((*reader)->rows(), values.size());
  return values;
}

class IngestionTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_OK_AND_ASSIGN(world_, TestWorld::Create());
    ASSERT_OK(world_->ApplyPolicy(TestWorld::kKeepPolicy));
    ASSERT_OK(world_->CreateDataset("flat", kFlatProto, "Flat"));
  }

  custody::Custodian& custody() { return world_->custody(); }

  pipeline::IngestionOptions Options(const std::string& dataset = "flat") const {
    pipeline::IngestionOptions options;
    options.store = world_->store();
    options.request = {
        .principal = TestWorld::kPrincipal, .dataset = dataset, .purpose = TestWorld::kPurpose};
    return options;
  }

  absl::StatusOr<pipeline::IngestionResult> IngestCsv(const std::string& rows,
                                                      const pipeline::IngestionOptions& options) {
    return IngestCsvInto(custody(), rows, options, [this](const absl::Status& status) {
      skipped_.emplace_back(status.message());
    });
  }
  absl::StatusOr<pipeline::IngestionResult> IngestCsv(const std::string& rows) {
    return IngestCsv(rows, Options());
  }

  custody::TrainRequest TrainRequestFor(const std::vector<std::string>& columns,
                                        const std::string& dataset = "flat") {
    return {.principal = TestWorld::kPrincipal,
            .dataset = dataset,
            .purpose = TestWorld::kPurpose,
            .columns = columns,
            .model = absl::StrCat("model-", ++models_),
            .dp = std::nullopt};
  }
  absl::StatusOr<custody::Permit<policy::TRAIN>> RequestTrain(
      const std::vector<std::string>& columns, const std::string& dataset = "flat") {
    return custody().RequestTrain(TrainRequestFor(columns, dataset));
  }
  absl::StatusOr<std::vector<std::string>> Column(const std::string& column,
                                                  const std::string& dataset = "flat") {
    return ColumnOf(custody(), world_->store(), TrainRequestFor({column}, dataset), column);
  }

  absl::StatusOr<pipeline::DatasetReport> Verify(const std::string& dataset = "flat") {
    return pipeline::VerifyDataset(custody(), Env::Posix(), world_->store(), dataset);
  }

  // Names of all files under the store, folders left out.
  std::vector<std::string> StoreFiles() const {
    std::vector<std::string> names;
    if (!std::filesystem::exists(world_->store())) return names;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(world_->store())) {
      if (entry.is_regular_file()) names.push_back(entry.path().string());
    }
    std::sort(names.begin(), names.end());
    return names;
  }
  std::vector<std::string> FilesEndingIn(const std::string& suffix) const {
    std::vector<std::string> names = StoreFiles();
    names.erase(std::remove_if(names.begin(), names.end(),
                               [&](const std::string& n) { return !absl::EndsWith(n, suffix); }),
                names.end());
    return names;
  }

  std::unique_ptr<TestWorld> world_;
  std::vector<std::string> skipped_;
  int models_ = 0;
};

}  // namespace sealtrain::testing

#endif  // SEALTRAIN_TESTS_PIPELINE_INGESTION_FIXTURE_H_
