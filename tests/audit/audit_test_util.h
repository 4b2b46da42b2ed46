// What the audit tests share: a fixed key, small events, and logs on disk.
#ifndef SEALTRAIN_TESTS_AUDIT_AUDIT_TEST_UTIL_H_
#define SEALTRAIN_TESTS_AUDIT_AUDIT_TEST_UTIL_H_

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "sealtrain/audit/audit_log.h"
#include "sealtrain/audit/event.pb.h"
#include "sealtrain/audit/log_reader.h"
#include "sealtrain/audit/note.h"
#include "sealtrain/audit/published_files.h"
#include "sealtrain/audit/recovery.h"
#include "sealtrain/audit/tree_writer.h"
#include "sealtrain/crypto/hash.h"
#include "sealtrain/crypto/signing.h"

namespace sealtrain::audit {

inline constexpr auto kDataLoss = absl::StatusCode::kDataLoss;
inline constexpr auto kInvalid = absl::StatusCode::kInvalidArgument;

inline Env& env = Env::Posix();

inline constexpr char kTestOrigin[] = "example.org/sealtrain/audit";

// The key whose seed is 32 times `seed`.
inline crypto::SigningKey TestKey(std::uint8_t seed = 7) {
  auto secret = crypto::SecretBytes::CopyFrom(Bytes(32, seed));
  return *crypto::SigningKey::FromSeed(*std::move(secret));
}
inline VerifierKey TestVerifier(std::uint8_t seed = 7) {
  return VerifierKey{.name = kTestOrigin, .public_key = TestKey(seed).public_key()};
}

// Of a log that publishes when it is asked to and when it is closed, not in between.
inline LogOptions TestOptions(const std::string& directory) {
  return LogOptions{
      .directory = directory, .origin = kTestOrigin, .publish_interval = absl::InfiniteDuration()};
}

// The n-th event of a test: every field that the writer would fill in is set,
// so its bytes depend on n alone.
inline Event TestEvent(std::uint64_t n) {
  Event event;
  event.set_format(1);
  event.set_uid(absl::StrCat("uid of", absl::Dec(n, absl::kZeroPad10)));
  event.set_wall_time_ns(1'700'000'000'000'000'000 + n);
  event.set_boot_time_ns(1 + n);
  event.set_type(TRAIN_ACCESS);
  event.set_phase(INTENT);
  event.mutable_actor()->set_principal(absl::StrCat("job:", n));
  return event;
}

// An event with something in most fields, at 1,000 s.
inline Event RichEvent() {
  Event event = TestEvent(1);
  event.set_wall_time_ns(1'000'000'000'000);
  event.mutable_actor()->set_principal("job:a");
  event.set_purpose("safety/abuse");
  event.mutable_object()->set_dataset("mails");
  event.mutable_object()->set_generation(3);
  event.mutable_object()->add_column("body");
  event.mutable_object()->add_withheld_column("client_ip");
  event.mutable_object()->set_model("spam");
  return event;
}

// Names as an attacker chooses them: escape sequences, line breaks, a direction
// override, markup, and what a spreadsheet would run.
inline constexpr char kHostileName[] = "=cmd|\x1B[2J\n\xE2\x80\xAE<script>&\"'</script>\\,=";

inline absl::StatusOr<std::unique_ptr<AuditLog>> OpenTestLog(Env& environment,
                                                             const std::string& directory) {
  return AuditLog::Open(environment, TestOptions(directory), TestKey());
}

// Appends an entry and publishes it.
inline absl::StatusOr<std::uint64_t> AppendAndPublish(AuditLog& log, const Event& event) {
  absl::StatusOr<std::uint64_t> index = log.Append(event);
  if (!index.ok()) return index;
  const absl::Status published = log.Publish();
  if (!published.ok()) return published;
  return index;
}

// A log with TestEvent(0) to TestEvent(size - 1), each published by itself, closed.
inline void MakeLog(const std::string& directory, std::uint64_t size) {
  ASSERT_TRUE(AuditLog::Create(Env::Posix(), TestOptions(directory), TestKey()).ok());
  auto log = OpenTestLog(Env::Posix(), directory);
  ASSERT_TRUE(log.ok()) << log.status();
  for (std::uint64_t n = 0; n < size; ++n) ASSERT_EQ(*AppendAndPublish(**log, TestEvent(n)), n);
}

// The same in a single commit: few files, quick to copy.
inline void MakeLogAtOnce(const std::string& directory, std::uint64_t size) {
  ASSERT_TRUE(AuditLog::Create(env, TestOptions(directory), TestKey()).ok());
  auto tree = TreeWriter::Load(env, directory,
                               {.origin = kTestOrigin, .size = 0, .root = crypto::Sha256({})});
  ASSERT_TRUE(tree.ok()) << tree.status();
  for (std::uint64_t n = 0; n < size; ++n) tree->Add(TestEvent(n).SerializeAsString());
  const auto note = SignCheckpoint(
      {.origin = kTestOrigin, .size = tree->size(), .root = tree->Root()}, TestKey());
  PublishedFiles files(env, directory);
  ASSERT_TRUE(files.Publish(tree->Take(*note)).ok());
  ASSERT_TRUE(StartWal(env, directory, files, *note).ok());
}

inline absl::StatusOr<VerifyReport> VerifyLog(const std::string& directory,
                                              const std::vector<std::string>& old_notes = {}) {
  auto reader = LogReader::Open(Env::Posix(), directory, {FormatVkey(TestVerifier())});
  if (!reader.ok()) return reader.status();
  std::vector<KeptCheckpoint> old;
  for (const std::string& note : old_notes) {
    old.push_back({.name = absl::StrCat("old ", old.size() + 1), .note = note});
  }
  return (*reader)->Verify(old);
}

// Principals of the entries, in order, as far as ForEach() shows them.
inline std::vector<std::string> Principals(const std::string& directory) {
  std::vector<std::string> principals;
  auto reader = LogReader::Open(Env::Posix(), directory);
  EXPECT_TRUE(reader.ok()) << reader.status();
  if (!reader.ok()) return principals;
  const absl::Status status =
      (*reader)->ForEach(0, (*reader)->checkpoint().size, [&](const Entry& entry) {
        principals.push_back(entry.event.actor().principal());
        return true;
      });
  EXPECT_TRUE(status.ok()) << status;
  return principals;
}
inline std::vector<std::string> ExpectedPrincipals(std::uint64_t size) {
  std::vector<std::string> principals;
  for (std::uint64_t n = 0; n < size; ++n) principals.push_back(absl::StrCat("job:", n));
  return principals;
}

inline std::string ReadText(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  EXPECT_TRUE(in) << path;
  return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

// The code block that follows the line "<!-- example: NAME -->" in docs/formats/PAGE.
inline std::string DocumentExample(const std::string& page, const std::string& name) {
  const std::string document =
      ReadText(std::filesystem::path(SEALTRAIN_SOURCE_DIR) / "docs/formats" / page);
  const std::string marker = absl::StrCat("<!-- example: ", name, " -->\n```\n");
  const std::size_t start = document.find(marker);
  EXPECT_NE(start, std::string::npos) << name;
  if (start == std::string::npos) return "";
  const std::size_t begin = start + marker.size();
  return document.substr(begin, document.find("```", begin) - begin);
}
inline void WriteText(const std::filesystem::path& path, absl::string_view text) {
  std::ofstream out(path, std::ios::binary | std::ios::trunc);
  out.write(text.data(), static_cast<std::streamsize>(text.size()));
  ASSERT_TRUE(out.flush()) << path;
}
inline void CopyLog(const std::string& from, const std::string& to) {
  std::filesystem::remove_all(to);
  std::filesystem::copy(from, to, std::filesystem::copy_options::recursive);
}

}  // namespace sealtrain::audit

#endif  // SEALTRAIN_TESTS_AUDIT_AUDIT_TEST_UTIL_H_
