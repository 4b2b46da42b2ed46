// The audit log: durable appends against the bare fdatasync of as many bytes,
// verification and searches.
#include <benchmark/benchmark.h>
#include <spawn.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "sealtrain/audit/audit_log.h"
#include "sealtrain/audit/event_codec.h"
#include "sealtrain/audit/group_commit.h"
#include "sealtrain/audit/log_reader.h"
#include "sealtrain/audit/published_files.h"
#include "sealtrain/audit/scan.h"
#include "sealtrain/audit/tree_writer.h"
#include "sealtrain/bench/memory_growth.h"
#include "sealtrain/crypto/hash.h"
#include "sealtrain/crypto/signing.h"

extern char** environ;

namespace sealtrain::audit {
namespace {

constexpr std::size_t kRecordBytes = 600;  // of one entry in the write-ahead log

// A folder below the working directory: the temporary one may be in memory,
// where a sync costs nothing.
class BenchDir {
 public:
  BenchDir()
      : path_(std::filesystem::absolute(absl::StrCat("audit_bench.tmp.", made_++)).string()) {
    std::filesystem::remove_all(path_);
    std::filesystem::create_directories(path_);
  }
  ~BenchDir() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  std::string Join(const char* name) const { return JoinPath(path_, name); }

 private:
  static inline int made_ = 0;
  std::string path_;
};

Event BenchEvent() {
  Event event;
  event.set_type(TRAIN_ACCESS);
  event.set_phase(INTENT);
  event.mutable_actor()->set_principal("job:train-ranker");
  event.set_purpose("safety/abuse-detection");
  event.mutable_object()->set_dataset("mails");
  for (const char* column : {"body", "sender", "spam"}) event.mutable_object()->add_column(column);
  event.mutable_policy()->set_id("production");
  event.mutable_policy()->set_sha256(std::string(32, 'x'));
  return event;
}

std::unique_ptr<AuditLog> MakeLog(const std::string& directory) {
  const LogOptions options{.directory = directory, .origin = "example.org/bench"};
  const auto seed = crypto::SecretBytes::CopyFrom(Bytes(32, 7));
  Env& env = Env::Posix();
  if (!AuditLog::Create(env, options, *crypto::SigningKey::FromSeed(*seed)).ok()) return nullptr;
  auto log = AuditLog::Open(env, options, *crypto::SigningKey::FromSeed(*seed));
  return log.ok() ? *std::move(log) : nullptr;
}

// Of a file that grows.
void BM_BareSync(benchmark::State& state) {
  const BenchDir dir;
  auto file = Env::Posix().OpenForWrite(dir.Join("file"), Env::OpenMode::kCreateNew);
  const Bytes record(kRecordBytes, 'x');
  for (auto _ : state) {
    if (!(*file)->Append(record).ok() || !(*file)->Sync().ok()) state.SkipWithError("cannot write");
  }
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(BM_BareSync)->UseRealTime();

// The same over zeros that are there, as the write-ahead log does it. Arguments: bytes of
// a write; how many entries stand for them.
void BM_BareSyncInPlace(benchmark::State& state) {
  constexpr std::uint64_t kFileBytes = 32 << 20;
  const BenchDir dir;
  const std::string path = dir.Join("file");
  const Bytes record(static_cast<std::size_t>(state.range(0)), 'x');
  WriteFileDurably(Env::Posix(), path, Bytes(kFileBytes)).IgnoreError();
  auto file = Env::Posix().OpenForUpdate(path);
  std::uint64_t offset = 0;
  for (auto _ : state) {
    if (!(*file)->WriteAt(offset, record).ok() || !(*file)->Sync().ok()) {
      state.SkipWithError("cannot write");
    }
    offset = (offset + record.size()) % (kFileBytes - record.size());
  }
  state.SetItemsProcessed(state.iterations() * state.range(1));
}
BENCHMARK(BM_BareSyncInPlace)->Args({kRecordBytes, 1})->Args({64 * 256, 64})->UseRealTime();

// What is left of the bare limit when the 64 that share a sync are callers that sleep until
// it is done: groups of 256 bytes a caller, nothing hashed, signed or encoded.
void BM_BareGroupCommit(benchmark::State& state) {
  constexpr std::size_t kBytes = 256;
  constexpr std::uint64_t kFileBytes = 32 << 20;
  struct Shared {
    BenchDir dir;
    std::unique_ptr<UpdatableFile> file;
    std::uint64_t offset = 0;
    GroupCommit commit{64,
                       [this](std::vector<std::string> entries) -> absl::StatusOr<std::uint64_t> {
                         const Bytes group(entries.size() * kBytes, 'x');
                         if (const auto s = file->WriteAt(offset, group); !s.ok()) return s;
                         if (const auto s = file->Sync(); !s.ok()) return s;
                         offset = (offset + group.size()) % (kFileBytes - 64 * kBytes);
                         return 0;
                       }};
  };
  static std::unique_ptr<Shared> shared;
  if (state.thread_index() == 0) {
    shared = std::make_unique<Shared>();
    const std::string path = shared->dir.Join("file");
    WriteFileDurably(Env::Posix(), path, Bytes(kFileBytes)).IgnoreError();
    shared->file = *Env::Posix().OpenForUpdate(path);
  }
  for (auto _ : state) {
    if (!shared->commit.Add(std::string()).ok()) state.SkipWithError("cannot write");
  }
  state.SetItemsProcessed(state.iterations());
  if (state.thread_index() == 0) shared.reset();
}
BENCHMARK(BM_BareGroupCommit)->Threads(64)->UseRealTime();

std::unique_ptr<BenchDir> shared_dir;
std::unique_ptr<AuditLog> shared_log;

void BM_DurableAppend(benchmark::State& state) {
  if (state.thread_index() == 0) {
    shared_dir = std::make_unique<BenchDir>();
    shared_log = MakeLog(shared_dir->Join("audit"));
  }
  const Event event = BenchEvent();
  for (auto _ : state) {
    if (!shared_log->Append(event).ok()) state.SkipWithError("cannot append");
  }
  state.SetItemsProcessed(state.iterations());
  if (state.thread_index() == 0) {
    shared_log.reset();
    shared_dir.reset();
  }
}
BENCHMARK(BM_DurableAppend)->Threads(1)->Threads(64)->UseRealTime();

constexpr int kCallers = 64;
constexpr int kEntriesOfEach = 3200;

void AppendFromManyCallers(AuditLog& log, int entries_of_each) {
  std::vector<std::thread> callers;
  for (int i = 0; i < kCallers; ++i) {
    callers.emplace_back([&] {
      for (int n = 0; n < entries_of_each; ++n) log.Append(BenchEvent()).status().IgnoreError();
    });
  }
  for (std::thread& caller : callers) caller.join();
}

// A log of kCallers * kEntriesOfEach entries, made once, and the same without its kept
// checkpoints, one for each time it was published.
const BenchDir& LargeLog() {
  static const auto& dir = *[] {
    auto* made = new BenchDir();
    AppendFromManyCallers(*MakeLog(made->Join("audit")), kEntriesOfEach);
    std::filesystem::copy(made->Join("audit"), made->Join("bare"),
                          std::filesystem::copy_options::recursive);
    std::filesystem::remove_all(made->Join("bare/checkpoints"));
    std::filesystem::create_directory(made->Join("bare/checkpoints"));
    return made;
  }();
  return dir;
}

// Argument: whether the kept checkpoints are there. Each is a signature to verify.
void BM_Verify(benchmark::State& state) {
  const std::string log_dir = LargeLog().Join(state.range(0) == 0 ? "bare" : "audit");
  std::uint64_t entries = 0;
  std::uint64_t checkpoints = 0;
  for (auto _ : state) {
    const auto reader = LogReader::Open(Env::Posix(), log_dir);
    const auto report = (*reader)->Verify({});
    if (!report.ok() || report->entries != kCallers * kEntriesOfEach) {
      state.SkipWithError("does not verify");
      break;
    }
    entries += report->entries;
    checkpoints = report->older_checkpoints;
  }
  state.counters["checkpoints"] = static_cast<double>(checkpoints);
  state.SetItemsProcessed(static_cast<std::int64_t>(entries));
}
BENCHMARK(BM_Verify)->Arg(0)->Arg(1)->UseRealTime()->Unit(benchmark::kMillisecond);

// Opening a log of a million entries for writing, as its writer left it when it was
// killed: with whatever lies in the write-ahead log to be replayed.
void BM_Recover(benchmark::State& state) {
  static const auto& left = *[] {
    auto* made = new BenchDir();
    auto log = MakeLog(made->Join("audit"));
    AppendFromManyCallers(*log, 1'000'000 / kCallers);
    if (!log->Publish().ok()) std::abort();  // nothing changes while it is copied
    std::filesystem::copy(made->Join("audit"), made->Join("left"),
                          std::filesystem::copy_options::recursive);
    return made;
  }();
  const LogOptions options{.directory = left.Join("left"), .origin = "example.org/bench"};
  const auto seed = crypto::SecretBytes::CopyFrom(Bytes(32, 7));
  for (auto _ : state) {
    state.PauseTiming();
    auto key = *crypto::SigningKey::FromSeed(*seed);
    state.ResumeTiming();
    const auto log = AuditLog::Open(Env::Posix(), options, std::move(key));
    if (!log.ok() || (*log)->size() != 1'000'000) state.SkipWithError("does not open");
  }
}
BENCHMARK(BM_Recover)->UseRealTime()->Unit(benchmark::kMillisecond)->Iterations(1)->Repetitions(1);

// With all that custody says of a training run.
Event CustodyEvent() {
  Event event = BenchEvent();
  event.set_request_uid(std::string(16, 'r'));
  event.set_action("TRAIN");
  event.mutable_actor()->set_host("trainer-07.example.org");
  event.mutable_actor()->set_pid(12'345);
  event.mutable_actor()->set_executable_sha256(std::string(32, 'e'));
  event.mutable_actor()->set_trust("LOCKED");
  Object& object = *event.mutable_object();
  object.set_generation(7);
  object.set_manifest_sha256(std::string(32, 'm'));
  for (const char* column : {"message_id", "client_ip"}) object.add_withheld_column(column);
  object.set_model("abuse-ranker");
  object.set_key_epoch(1);
  event.mutable_policy()->set_version(3);
  event.mutable_policy()->add_rule("train-private");
  event.mutable_privacy()->set_epsilon(0.4);
  event.mutable_privacy()->set_delta(1e-6);
  event.mutable_privacy()->set_unit("SUBJECT");
  event.mutable_privacy()->set_ledger_epsilon(2.5);
  return event;
}

Event IntentOfMany(std::uint64_t n) {
  Event event = CustodyEvent();
  event.mutable_actor()->set_principal(absl::StrCat("workload:train-", n % 1000));
  return event;
}

// Intent and outcome of one run after the other, a second apart.
Event RunOfMany(std::uint64_t n) {
  Event event = IntentOfMany(n / 2);
  event.set_request_uid(absl::StrCat(absl::Dec(n / 2, absl::kZeroPad16)));
  event.set_uid(event.request_uid());
  event.set_wall_time_ns(1'600'000'000'000'000'000 + n * 1'000'000'000);
  if (n % 2 == 1) {
    event.set_uid(absl::StrCat("o", absl::Dec(n, absl::kZeroPad15)));
    event.set_type(MODEL_SEALED);
    event.set_phase(SUCCEEDED);
  }
  return event;
}

// A log of so many entries, signed once for each 10,000: no other kept checkpoint, no
// write-ahead log.
class PublishedLog {
 public:
  explicit PublishedLog(std::uint64_t size, Event (*make)(std::uint64_t) = &IntentOfMany) {
    Env& env = Env::Posix();
    const auto seed = crypto::SecretBytes::CopyFrom(Bytes(32, 7));
    const auto key = crypto::SigningKey::FromSeed(*seed);
    Checkpoint checkpoint{.origin = "example.org/bench", .size = 0, .root = crypto::Sha256({})};
    while (checkpoint.size < size) {
      auto tree = TreeWriter::Load(env, path(), checkpoint);
      const std::uint64_t end = std::min<std::uint64_t>(size, checkpoint.size + 10'000);
      for (std::uint64_t n = checkpoint.size; n < end; ++n) {
        const auto bytes = EncodeEvent(make(n));
        bytes_ += bytes->size();
        tree->Add(*bytes);
      }
      checkpoint.size = tree->size();
      checkpoint.root = tree->Root();
      PublishedFiles(env, path())
          .Publish(tree->Take(*SignCheckpoint(checkpoint, *key)))
          .IgnoreError();
    }
    const std::string vkey =
        FormatVkey(VerifierKey{.name = "example.org/bench", .public_key = key->public_key()}) +
        "\n";
    WriteFileDurably(env, JoinPath(path(), "log.vkey"), AsBytes(vkey)).IgnoreError();
  }
  std::string path() const { return dir_.Join("audit"); }
  std::uint64_t bytes() const { return bytes_; }  // of all entries

 private:
  const BenchDir dir_;
  std::uint64_t bytes_ = 0;
};

// A complete search that finds nothing: every entry is read, proven and compared.
// Arguments: entries; 0: by a principal, which need not decode others' entries,
// oldest first, 1: the same, newest first, 2: by a verdict, oldest first.
void BM_Search(benchmark::State& state) {
  static std::map<std::int64_t, std::unique_ptr<PublishedLog>> logs;
  std::unique_ptr<PublishedLog>& log = logs[state.range(0)];
  if (log == nullptr) log = std::make_unique<PublishedLog>(state.range(0));
  const auto order = state.range(1) == 1 ? Order::kNewestFirst : Order::kOldestFirst;
  FilterTerms terms;
  (state.range(1) == 2 ? terms.verdicts : terms.principals) = {"denied"};
  const auto filter = EventFilter::Parse(terms, absl::Now());
  const MemoryGrowth growth;
  for (auto _ : state) {
    const auto reader = LogReader::Open(Env::Posix(), log->path());
    const auto scan = ScanLog(**reader, *filter, order, 0, [](const Entry&) {});
    if (!scan.ok() || !IsComplete(*scan, **reader) || scan->shown != 0) {
      state.SkipWithError("no complete search");
      break;
    }
  }
  state.counters["grown_KiB"] = growth.KiB();
  state.SetItemsProcessed(state.iterations() * state.range(0));
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(log->bytes()));
}
// The proof of one entry of so many, from opening the log on.
void BM_Prove(benchmark::State& state) {
  const PublishedLog log(static_cast<std::uint64_t>(state.range(0)));
  std::uint64_t index = 0;
  for (auto _ : state) {
    index = (index + 7'919'993) % static_cast<std::uint64_t>(state.range(0));
    const auto reader = LogReader::Open(Env::Posix(), log.path());
    if (!(*reader)->Prove(index).ok()) state.SkipWithError("no proof");
  }
}
BENCHMARK(BM_Prove)->Arg(1'000'000)->UseRealTime()->Unit(benchmark::kMicrosecond);

BENCHMARK(BM_Search)
    ->ArgsProduct({{100'000, 1'000'000}, {0, 1, 2}})
    ->UseRealTime()
    ->Unit(benchmark::kMillisecond);

// A command of sealtrain-audit, and the most memory that it takes: counted from what this
// process has when it starts it. Argument: entries.
void BM_Command(benchmark::State& state, const char* command) {
  static std::map<std::int64_t, std::unique_ptr<PublishedLog>> logs;
  std::unique_ptr<PublishedLog>& log = logs[state.range(0)];
  if (log == nullptr) log = std::make_unique<PublishedLog>(state.range(0), &RunOfMany);
  const auto program =
      std::filesystem::read_symlink("/proc/self/exe").replace_filename("sealtrain-audit");
  std::string shell = "/bin/sh";
  std::string option = "-c";
  std::string line = absl::StrCat("exec '", program.string(), "' --log '", log->path(), "' ",
                                  command, " >/dev/null 2>&1");
  const std::array<char*, 4> argv = {shell.data(), option.data(), line.data(), nullptr};
  rusage usage{};
  for (auto _ : state) {
    const MemoryGrowth forgets_the_most_so_far;
    pid_t child = -1;
    int status = -1;
    if (::posix_spawn(&child, argv[0], nullptr, nullptr, argv.data(), environ) != 0 ||
        ::wait4(child, &status, 0, &usage) != child || !WIFEXITED(status) ||
        WEXITSTATUS(status) > 1) {
      state.SkipWithError("does not run");
      break;
    }
  }
  state.counters["MiB"] = static_cast<double>(usage.ru_maxrss) / 1024;
}
#define SEALTRAIN_BENCH_COMMAND(name, command)          \
  BENCHMARK_CAPTURE(BM_Command, name, command)          \
      ->ArgsProduct({{100'000, 1'000'000, 10'000'000}}) \
      ->UseRealTime()                                   \
      ->Iterations(1)                                   \
      ->Unit(benchmark::kMillisecond)
SEALTRAIN_BENCH_COMMAND(log, "log");
SEALTRAIN_BENCH_COMMAND(search, "search --principal nobody");
SEALTRAIN_BENCH_COMMAND(show, "show 77777");
SEALTRAIN_BENCH_COMMAND(show_json, "show 77777 --json");
SEALTRAIN_BENCH_COMMAND(verify, "verify");
SEALTRAIN_BENCH_COMMAND(report, "report --since 2020-01-01T00:00:00Z");
SEALTRAIN_BENCH_COMMAND(report_json, "report --since 2020-01-01T00:00:00Z --json");
SEALTRAIN_BENCH_COMMAND(stats, "stats --by principal,day");
SEALTRAIN_BENCH_COMMAND(export_ocsf, "export --format ocsf");
SEALTRAIN_BENCH_COMMAND(lint, "lint");
SEALTRAIN_BENCH_COMMAND(dangling, "dangling");
SEALTRAIN_BENCH_COMMAND(prove, "prove 77777");

}  // namespace
}  // namespace sealtrain::audit
