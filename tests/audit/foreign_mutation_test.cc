// Small logs, changed at random in every way that we could think of: whether one is
// still good, an implementation that is not ours says as we do.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <random>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "sealtrain/audit/checkpoint.h"
#include "sealtrain/audit/text_encoding.h"
#include "sealtrain/tests/audit/audit_test_util.h"
#include "sealtrain/tests/audit/foreign_verifier.h"
#include "sealtrain/tests/util/status_matchers.h"

namespace sealtrain::audit {
namespace {

namespace fs = std::filesystem;
using ::sealtrain::testing::TempDir;

constexpr int kMutations = 2000;
constexpr int kBatch = 200;  // cases that lie about at once
constexpr std::uint64_t kSeed = 20261126;

// What a case is: a log and how it is verified.
struct MutatedLog {
  std::string directory;
  VerifierKey key = TestVerifier();
  std::vector<std::string> old_files;
  std::string story;  // for messages
};

class LogMutator {
 public:
  // `folder` is for logs to start from.
  explicit LogMutator(const std::string& folder, std::uint64_t seed) : rng_(seed) {
    int n = 0;
    for (const std::uint64_t size : {0, 1, 2, 3, 7, 40, 254, 256, 257, 300}) {
      logs_.push_back(JoinPath(folder, absl::StrCat("log", n++)));
      MakeLogAtOnce(logs_.back(), size);
      Grow(logs_.back(), 2, 0);
      // The same with another history since its beginning or its last three entries.
      forks_.push_back(JoinPath(folder, absl::StrCat("fork", n)));
      if (n % 2 == 0) {
        MakeLogAtOnce(forks_.back(), size);
        Grow(forks_.back(), 3, 1000);
      } else {
        MakeLog(forks_.back(), 0);
        Grow(forks_.back(), 4, 1000);
      }
    }
  }

  // Copies a log to `directory` and changes it, mostly once.
  MutatedLog Make(const std::string& directory) {
    log_.directory = directory;
    log_.key = TestVerifier();
    log_.old_files.clear();
    const std::size_t base = Draw(logs_.size());
    base_ = logs_[base];
    fork_ = forks_[base];
    CopyLog(base_, directory);
    log_.story = absl::StrCat(fs::path(base_).filename().string(), ":");
    for (std::size_t i = Draw(8) == 0 ? 3 : 1; i > 0; --i) {
      const auto& [name, mutate] = kMutators[Draw(std::size(kMutators))];
      absl::StrAppend(&log_.story, " ", name);
      (this->*mutate)();
    }
    return log_;
  }

 private:
  struct Mutator {
    const char* name;
    void (LogMutator::*mutate)();
  };
  static const Mutator kMutators[25];

  std::size_t Draw(std::size_t below) { return below == 0 ? 0 : rng_() % below; }

  // Appends and publishes entries, `offset` making them others than a log has.
  static void Grow(const std::string& directory, std::uint64_t count, std::uint64_t offset) {
    auto log = OpenTestLog(env, directory);
    ASSERT_TRUE(log.ok()) << log.status();
    for (std::uint64_t i = 0; i < count; ++i) {
      ASSERT_TRUE((*log)->Append(TestEvent((*log)->size() + offset)).ok());
    }
  }

  std::string Path(const std::string& name) const { return JoinPath(log_.directory, name); }
  std::string Read(const std::string& name) const {
    return fs::is_regular_file(Path(name)) ? ReadText(Path(name)) : "";
  }
  std::vector<std::string> Files(const std::string& directory, const std::string& prefix = "") {
    std::vector<std::string> files;
    for (const auto& file : fs::recursive_directory_iterator(directory)) {
      const std::string name = file.path().string().substr(directory.size() + 1);
      if (file.is_regular_file() && !absl::StartsWith(name, ".state/") &&
          absl::StartsWith(name, prefix)) {
        files.push_back(name);
      }
    }
    std::sort(files.begin(), files.end());
    return files;
  }
  std::string AnyFile(const std::string& prefix = "") {
    const std::vector<std::string> files = Files(log_.directory, prefix);
    return files.empty() ? "log.vkey" : files[Draw(files.size())];
  }

  // A bundle taken apart and put together.
  static std::vector<std::string> Split(absl::string_view bundle) {
    std::vector<std::string> entries;
    while (bundle.size() >= 2) {
      const std::size_t size = 2 + GetBigEndian(AsBytes(bundle.substr(0, 2)));
      entries.emplace_back(bundle.substr(0, size));
      bundle.remove_prefix(std::min(size, bundle.size()));
    }
    return entries;
  }
  template <class Change>
  void ChangeEntries(Change change) {
    const std::string file = AnyFile("tile/entries/");
    std::vector<std::string> entries = Split(Read(file));
    if (entries.empty()) return;
    change(entries);
    std::string bundle;
    for (const std::string& entry : entries) bundle += entry;
    WriteText(Path(file), bundle);
  }
  // The tile as well, so that the entries hash to it.
  template <class Change>
  void ChangeHashes(Change change) {
    const std::string file = AnyFile("tile/0/");
    const std::string bytes = Read(file);
    std::vector<std::string> hashes;
    for (std::size_t i = 0; i + 32 <= bytes.size(); i += 32) hashes.push_back(bytes.substr(i, 32));
    if (hashes.empty()) return;
    change(hashes);
    std::string tile;
    for (const std::string& hash : hashes) tile += hash;
    WriteText(Path(file), tile);
  }
  Checkpoint Current() {
    const auto checkpoint = VerifyCheckpoint(Read("checkpoint"), TestVerifier());
    return checkpoint.ok() ? *checkpoint : Checkpoint{.origin = kTestOrigin};
  }
  void Sign(const Checkpoint& checkpoint, std::uint8_t seed = 7) {
    WriteText(Path("checkpoint"), *SignCheckpoint(checkpoint, TestKey(seed)));
  }

  // --- the ways ---
  void ChangeAByte() {
    const std::string file = AnyFile();
    std::string bytes = Read(file);
    if (bytes.empty()) return;
    const std::size_t at = Draw(bytes.size());
    bytes[at] = static_cast<char>(bytes[at] ^ (1 << Draw(8)));
    WriteText(Path(file), bytes);
  }
  void ChangeASignature() {
    const std::string file = Draw(2) == 0 ? "checkpoint" : AnyFile("checkpoints/");
    std::string note = Read(file);
    if (note.size() < 20) return;
    const std::size_t at = note.size() - 2 - Draw(12);
    note[at] = "ABCDwxyz0189+/="[Draw(15)];
    WriteText(Path(file), note);
  }
  void RemoveAFile() { fs::remove(Path(AnyFile())); }
  void RemoveATile() { fs::remove(Path(AnyFile("tile/"))); }
  void Truncate() {
    const std::string file = AnyFile();
    const std::string bytes = Read(file);
    WriteText(Path(file), bytes.substr(0, Draw(bytes.size())));
  }
  void Lengthen() {
    const std::string file = AnyFile();
    WriteText(Path(file), Read(file) + std::string(1 + Draw(40), "\0\nx"[Draw(3)]));
  }
  void EditAnEntry() {
    ChangeEntries([&](std::vector<std::string>& entries) {
      std::string& entry = entries[Draw(entries.size())];
      entry[entry.size() - 1 - Draw(4)] ^= 1;
    });
  }
  void DeleteAnEntry() {
    ChangeEntries([&](std::vector<std::string>& entries) {
      entries.erase(entries.begin() + static_cast<std::ptrdiff_t>(Draw(entries.size())));
    });
  }
  void ReorderEntries() {
    ChangeEntries([&](std::vector<std::string>& entries) {
      std::swap(entries[Draw(entries.size())], entries[Draw(entries.size())]);
    });
  }
  void DuplicateAnEntry() {
    ChangeEntries([&](std::vector<std::string>& entries) {
      const std::string entry = entries[Draw(entries.size())];
      entries.insert(entries.begin() + static_cast<std::ptrdiff_t>(Draw(entries.size() + 1)),
                     entry);
    });
  }
  void InsertAnEntry() {
    ChangeEntries([&](std::vector<std::string>& entries) {
      entries.insert(entries.begin() + static_cast<std::ptrdiff_t>(Draw(entries.size() + 1)),
                     std::string("\0\3new", 5));
    });
  }
  void ReorderHashes() {
    ChangeHashes([&](std::vector<std::string>& hashes) {
      std::swap(hashes[Draw(hashes.size())], hashes[Draw(hashes.size())]);
    });
  }
  void DuplicateAHash() {
    ChangeHashes([&](std::vector<std::string>& hashes) {
      hashes[Draw(hashes.size())] = hashes[Draw(hashes.size())];
    });
  }
  // One file in the place of another of its kind: doctored tiles, stale partial ones.
  void SwapAFile() {
    const char* kinds[] = {"tile/0/", "tile/1/", "tile/entries/", "checkpoints/", "tile/"};
    const char* kind = kinds[Draw(5)];
    const std::string from = AnyFile(kind);
    const std::string to = AnyFile(kind);
    WriteText(Path(to), Read(from));
  }
  // A file as the other history has it.
  void TakeAFileOfTheFork() {
    const std::vector<std::string> files = Files(fork_);
    const std::string file = files[Draw(files.size())];
    fs::create_directories(fs::path(Path(file)).parent_path());
    WriteText(Path(file), ReadText(JoinPath(fork_, file)));
  }
  void BecomeTheFork() { CopyLog(fork_, log_.directory); }
  void ReplayACheckpoint() { WriteText(Path("checkpoint"), Read(AnyFile("checkpoints/"))); }
  // As a backup would bring it back: an older state and nothing of the newer one.
  void RollBack() {
    ReplayACheckpoint();
    const std::uint64_t size = Current().size;
    for (const std::string& file : Files(log_.directory, "checkpoints/")) {
      const auto kept = DecodeDecimal(fs::path(file).filename().string());
      if (kept && *kept > size) fs::remove(Path(file));
    }
    if (Draw(2) == 0) LookAtAnOldCheckpoint();
  }
  void ExtendWithoutEntries() {
    Checkpoint checkpoint = Current();
    checkpoint.size += 1 + Draw(3);
    Sign(checkpoint);
  }
  void ExtendAsTheWriterDoes() {
    auto log = OpenTestLog(env, log_.directory);
    if (log.ok()) (void)(*log)->Append(TestEvent((*log)->size() + Draw(2)));
  }
  void SignAnotherRoot() {
    Checkpoint checkpoint = Current();
    checkpoint.root[Draw(32)] ^= 1;
    Sign(checkpoint);
  }
  void SignWithAnotherKey() {
    if (Draw(2) == 0) {
      log_.key = TestVerifier(8);
    } else {
      Sign(Current(), 8);
    }
  }
  // Signed, but not as a checkpoint is written.
  void SignAnotherSpelling() {
    std::string text = FormatCheckpoint(Current());
    switch (Draw(5)) {
      case 0:
        text.insert(text.find('\n') + 1, "0");
        break;
      case 1:
        text += "extension\n";
        break;
      case 2:
        text.insert(text.find('\n') + 1, "+");
        break;
      case 3:
        text = absl::StrReplaceAll(text, {{"=\n", "\n"}});
        break;
      default:
        text[0] = 'E';
        break;
    }
    WriteText(Path("checkpoint"), *SignNote(text, kTestOrigin, TestKey()));
  }
  // A signature more: of a stranger, the same one again, or a wrong one of the key.
  void AddASignature() {
    const std::string note = Read("checkpoint");
    const std::size_t end = note.find("\n\n");
    if (end == std::string::npos) return;
    const std::string text = note.substr(0, end + 1);
    std::string line = note.substr(end + 2);
    if (Draw(3) == 0) {
      const std::string by_stranger = *SignNote(text, "stranger", TestKey(9));
      line = by_stranger.substr(by_stranger.rfind("\n\n") + 2);
    } else if (Draw(2) == 0) {
      const std::string other = *SignNote(text + "more\n", kTestOrigin, TestKey());
      line = other.substr(other.rfind("\n\n") + 2);
    }
    WriteText(Path("checkpoint"),
              Draw(2) == 0 ? note + line : text + "\n" + line + note.substr(end + 2));
  }
  // One kept elsewhere: of this history, or of the other.
  void LookAtAnOldCheckpoint() {
    const std::string& from = Draw(2) == 0 ? base_ : fork_;
    const std::vector<std::string> files = Files(from, "checkpoints/");
    log_.old_files.push_back(JoinPath(from, files[Draw(files.size())]));
  }

  std::mt19937_64 rng_;
  std::vector<std::string> logs_;
  std::vector<std::string> forks_;  // one for each
  std::string base_;
  std::string fork_;
  MutatedLog log_;
};

const LogMutator::Mutator LogMutator::kMutators[25] = {
    {"change-a-byte", &LogMutator::ChangeAByte},
    {"change-a-signature", &LogMutator::ChangeASignature},
    {"remove-a-file", &LogMutator::RemoveAFile},
    {"remove-a-tile", &LogMutator::RemoveATile},
    {"truncate", &LogMutator::Truncate},
    {"lengthen", &LogMutator::Lengthen},
    {"edit-an-entry", &LogMutator::EditAnEntry},
    {"delete-an-entry", &LogMutator::DeleteAnEntry},
    {"reorder-entries", &LogMutator::ReorderEntries},
    {"duplicate-an-entry", &LogMutator::DuplicateAnEntry},
    {"insert-an-entry", &LogMutator::InsertAnEntry},
    {"reorder-hashes", &LogMutator::ReorderHashes},
    {"duplicate-a-hash", &LogMutator::DuplicateAHash},
    {"swap-a-file", &LogMutator::SwapAFile},
    {"take-a-file-of-the-fork", &LogMutator::TakeAFileOfTheFork},
    {"become-the-fork", &LogMutator::BecomeTheFork},
    {"replay-a-checkpoint", &LogMutator::ReplayACheckpoint},
    {"roll-back", &LogMutator::RollBack},
    {"extend-without-entries", &LogMutator::ExtendWithoutEntries},
    {"extend-as-the-writer-does", &LogMutator::ExtendAsTheWriterDoes},
    {"sign-another-root", &LogMutator::SignAnotherRoot},
    {"sign-with-another-key", &LogMutator::SignWithAnotherKey},
    {"sign-another-spelling", &LogMutator::SignAnotherSpelling},
    {"add-a-signature", &LogMutator::AddASignature},
    {"look-at-an-old-checkpoint", &LogMutator::LookAtAnOldCheckpoint},
};

absl::Status OurVerdict(const MutatedLog& log) {
  auto reader = LogReader::Open(env, log.directory, {FormatVkey(log.key)});
  if (!reader.ok()) return reader.status();
  std::vector<KeptCheckpoint> old;
  for (const std::string& file : log.old_files) {
    old.push_back({.name = file, .note = ReadText(file)});
  }
  return (*reader)->Verify(old).status();
}

class ForeignMutationTest : public ForeignVerifierTest {};

TEST_F(ForeignMutationTest, JudgesChangedLogsAsWeDo) {
  const TempDir bases(TempDir::ParentInMemory());
  LogMutator mutator(bases.path(), kSeed);
  if (HasFatalFailure()) return;
  int good = 0;
  for (int first = 0; first < kMutations; first += kBatch) {
    const TempDir folder(TempDir::ParentInMemory());
    std::vector<std::string> cases;
    std::vector<absl::Status> ours;
    std::vector<std::string> stories;
    for (int i = 0; i < kBatch; ++i) {
      const MutatedLog log = mutator.Make(folder.Join(absl::StrCat(first + i)));
      ours.push_back(OurVerdict(log));
      // Damage is called so, and nothing else is.
      EXPECT_TRUE(ours.back().ok() || absl::IsDataLoss(ours.back())) << ours.back();
      cases.push_back(LogCase(log.directory, log.key, log.old_files));
      stories.push_back(log.story);
    }
    const std::vector<std::string> theirs = Verdicts(cases);
    for (std::size_t i = 0; i < cases.size(); ++i) {
      EXPECT_EQ(ours[i].ok(), absl::StartsWith(theirs[i], "OK "))
          << "case " << static_cast<std::size_t>(first) + i << " of seed " << kSeed << ", "
          << stories[i] << "\n  ours: " << ours[i] << "\n  theirs: " << theirs[i];
      good += ours[i].ok();
    }
  }
  // Neither of the two says always the same.
  EXPECT_GT(good, kMutations / 20);
  EXPECT_LT(good, kMutations / 2);
  RecordProperty("good", good);
}

}  // namespace
}  // namespace sealtrain::audit
