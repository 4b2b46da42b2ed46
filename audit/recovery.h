// From what lies on disk to a writer that may append: the opening half of the
// write-ahead protocol. docs/formats/audit-log.md, "Recovery".
//
// There is no clean shutdown: every opening of a log is a recovery, so the way
// back from a crash is the way that is walked every day.
#ifndef SEALTRAIN_AUDIT_RECOVERY_H_
#define SEALTRAIN_AUDIT_RECOVERY_H_

#include <string>

#include "absl/status/statusor.h"
#include "sealtrain/audit/note.h"
#include "sealtrain/audit/published_files.h"
#include "sealtrain/audit/tree_writer.h"
#include "sealtrain/audit/wal.h"
#include "sealtrain/base/env.h"

namespace sealtrain::audit {

struct WriterState {
  TreeWriter tree;  // all of it is published
  PublishedFiles files;
  WalWriter wal;
  std::string checkpoint_note;  // of the tree
};

// The state of the log in `directory`, whose lock the caller holds. What the
// write-ahead log holds is published again and made durable, a torn last record
// is cut. NotFound: no log. DataLoss: everything else that is wrong.
absl::StatusOr<WriterState> RecoverWriter(Env& env, const std::string& directory,
                                          const VerifierKey& key);

// Makes durable what was published up to `checkpoint_note`, remembers that in
// `.state/last` and starts a fresh write-ahead log from there. IsDiskFull(): the old one
// is still there, and may be gone on with.
absl::StatusOr<WalWriter> StartWal(Env& env, const std::string& directory, PublishedFiles& files,
                                   const std::string& checkpoint_note);

}  // namespace sealtrain::audit

#endif  // SEALTRAIN_AUDIT_RECOVERY_H_
