#include "sealtrain/audit/log_follower.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "sealtrain/base/status_macros.h"

namespace sealtrain::audit {
namespace {

// Of a log that was there before. Whoever may not look into its folder has not seen that.
absl::Status Gone(Env& env, const std::string& directory, const absl::Status& not_found) {
  const absl::Status listed = env.List(directory).status();
  if (!listed.ok() && !absl::IsNotFound(listed) && !IsOfAnotherKind(listed)) return listed;
  return absl::DataLossError(not_found.message());
}

}  // namespace

LogFollower::LogFollower(Env& env, Options options) : env_(env), options_(std::move(options)) {}

absl::StatusOr<std::unique_ptr<LogFollower>> LogFollower::Open(Env& env, Options options) {
  auto opened = LogReader::Open(env, options.log_directory, options.trusted_vkeys);
  if (absl::IsNotFound(opened.status()) && !options.state_file.empty() &&
      env.Exists(options.state_file)) {
    return Gone(env, options.log_directory, opened.status());
  }
  ST_ASSIGN_OR_RETURN(const auto log, std::move(opened));
  // From here on other keys are another log.
  if (options.trusted_vkeys.empty()) {
    for (const VerifierKey& key : log->keys()) options.trusted_vkeys.push_back(FormatVkey(key));
  }
  std::unique_ptr<LogFollower> follower(new LogFollower(env, std::move(options)));
  const std::string& file = follower->options_.state_file;
  if (file.empty()) return follower;
  absl::StatusOr<std::string> note = env.ReadFile(file, kMaxNoteBytes);
  if (absl::IsNotFound(note.status())) return follower;
  ST_RETURN_IF_ERROR(note.status());
  const absl::StatusOr<SignedCheckpoint> last = VerifyCheckpoint(*note, log->keys());
  if (!last.ok()) {
    return absl::DataLossError(absl::StrCat(file, ": ", last.status().message()));
  }
  follower->last_ = KeptCheckpoint{.name = file, .note = *std::move(note)};
  follower->next_ = last->checkpoint.size;
  return follower;
}

absl::StatusOr<std::uint64_t> LogFollower::Poll(absl::FunctionRef<void(const Entry&)> show,
                                                absl::FunctionRef<absl::Status()> flush) {
  auto opened = LogReader::Open(env_, options_.log_directory, options_.trusted_vkeys);
  if (absl::IsNotFound(opened.status())) {
    return Gone(env_, options_.log_directory, opened.status());
  }
  ST_ASSIGN_OR_RETURN(auto log, std::move(opened));
  const std::uint64_t size = log->checkpoint().size;
  if (last_.has_value()) {
    ST_RETURN_IF_ERROR(log->CheckExtends(*last_));
  } else {
    next_ = options_.begin.value_or(size);
    if (next_ > size) {
      return absl::OutOfRangeError(absl::StrCat("no entry ", next_, " in a log of size ", size));
    }
  }
  const std::uint64_t count = size - next_;
  ST_RETURN_IF_ERROR(log->ForEach(next_, size, [&](const Entry& entry) {
    show(entry);
    return true;
  }));
  ST_RETURN_IF_ERROR(flush());
  if (!options_.state_file.empty() && (count > 0 || !last_.has_value())) {
    ST_RETURN_IF_ERROR(
        WriteFileDurably(env_, options_.state_file, AsBytes(log->checkpoint_note())));
  }
  last_ = KeptCheckpoint{
      .name = options_.state_file.empty() ? "the last checkpoint seen" : options_.state_file,
      .note = log->checkpoint_note()};
  next_ = size;
  log_ = std::move(log);
  return count;
}

}  // namespace sealtrain::audit
