#include "sealtrain/cli/new_file.h"

#include <memory>

#include "sealtrain/base/env.h"
#include "sealtrain/base/status_macros.h"

namespace sealtrain::cli {

absl::Status WriteNewFile(const std::string& path, ByteSpan bytes) {
  Env& env = Env::Posix();
  ST_ASSIGN_OR_RETURN(const std::unique_ptr<WritableFile> file,
                      env.OpenForWrite(path, Env::OpenMode::kCreateNew));
  ST_RETURN_IF_ERROR(file->Append(bytes));
  ST_RETURN_IF_ERROR(file->Sync());
  ST_RETURN_IF_ERROR(file->Close());
  return env.SyncDir(DirName(path));
}

}  // namespace sealtrain::cli
