#include "sealtrain/tests/util/recording_env.h"

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>
#include <random>
#include <sstream>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "sealtrain/crypto/hash.h"

namespace sealtrain::testing {
namespace {

namespace fs = std::filesystem;
using Kind = DiskChange::Kind;

[[noreturn]] void Confused(const DiskChange& change) {
  std::cerr << "recording: a change of a file that is not known: " << change.path << "\n";
  std::abort();
}

// What became of one thing that was not durable.
enum Fate { kLost, kMade, kTorn, kZeros, kLastSectors };

// A change of a file's bytes that no sync has made durable yet.
struct PendingBytes {
  bool resize = false;
  std::uint64_t offset = 0;  // or the new size
  std::string data;
  bool doubtful = false;  // a sync failed since

  // Where in `data` the first sector of the file begins that is in its second half.
  std::size_t SecondHalf() const {
    constexpr std::uint64_t kSector = 512;
    const std::uint64_t half = offset + data.size() / 2;
    return (half + kSector - 1) / kSector * kSector - offset;
  }

  void Apply(Fate fate, std::string& bytes) const {
    if (fate == kLost) return;
    if (resize) {
      bytes.resize(offset);
      return;
    }
    const std::size_t begin = fate == kLastSectors ? SecondHalf()
                              : fate == kZeros     ? data.size()
                                                   : 0;
    const std::size_t end = fate == kTorn ? data.size() / 2 : data.size();
    if (bytes.size() < offset + end) bytes.resize(offset + end);
    bytes.replace(offset + begin, end - begin, data, begin, end - begin);
  }
};

struct Inode {
  std::string durable;
  std::vector<PendingBytes> pending;
};

struct PendingName {
  enum { kLink, kUnlink, kRename } kind = kLink;
  std::string path;
  std::string new_path;  // kRename
  std::size_t inode = 0;

  void Apply(std::map<std::string, std::size_t>& names) const {
    const auto forget = [&] {
      const auto found = names.find(path);
      if (found != names.end() && found->second == inode) names.erase(found);
    };
    if (kind != kLink) forget();
    if (kind != kUnlink) names[kind == kRename ? new_path : path] = inode;
  }
};

// One thing that is not durable: either bytes or a name.
struct Unit {
  const PendingBytes* bytes = nullptr;
  std::size_t inode = 0;
  const PendingName* name = nullptr;

  // How many of the fates it can have, from kLost on.
  std::size_t fates() const {
    if (name != nullptr || bytes->resize) return 2;
    return bytes->SecondHalf() < bytes->data.size() ? 5 : 4;
  }
};

// A folder whose changes are played again, knowing what is durable.
class Disk {
 public:
  explicit Disk(const DiskState& before) : folders_(before.folders) {
    for (const auto& [path, bytes] : before.files) {
      durable_names_[path] = inodes_.size();
      inodes_.push_back({bytes, {}});
    }
    names_ = durable_names_;
  }

  void Play(const DiskChange& change, const std::string& data, bool failed) {
    switch (change.kind) {
      case Kind::kOpen:
        return Open(change);
      case Kind::kWrite:
        if (open_.count(change.file) == 0) Confused(change);
        inodes_[open_[change.file]].pending.push_back({false, change.offset, data});
        return;
      case Kind::kTruncateFile:
        if (open_.count(change.file) == 0) Confused(change);
        inodes_[open_[change.file]].pending.push_back({true, change.offset, ""});
        return;
      case Kind::kTruncatePath:
        inodes_[Find(change)].pending.push_back({true, change.offset, ""});
        return;
      case Kind::kSync:
        if (open_.count(change.file) == 0) Confused(change);
        return Sync(inodes_[open_[change.file]], failed);
      case Kind::kRename:
        Pend({PendingName::kRename, change.path, change.new_path, Find(change)});
        return;
      case Kind::kRemove:
        Pend({PendingName::kUnlink, change.path, "", Find(change)});
        return;
      case Kind::kSyncDir:
        SyncDir(change.path);
        return;
      case Kind::kCreateDirs:
        for (fs::path path = change.path; !path.empty(); path = path.parent_path()) {
          folders_.insert(path.string());
        }
        return;
    }
  }

  std::vector<Unit> Units() const {
    std::vector<Unit> units;
    for (const PendingName& name : pending_names_) units.push_back({nullptr, 0, &name});
    // Of files that have no name any more, and can get none back, nothing is seen.
    std::set<std::size_t> seen;
    for (const auto& [path, inode] : durable_names_) seen.insert(inode);
    for (const PendingName& name : pending_names_) seen.insert(name.inode);
    for (const std::size_t inode : seen) {
      for (const PendingBytes& bytes : inodes_[inode].pending) {
        units.push_back({&bytes, inode, nullptr});
      }
    }
    return units;
  }

  DiskState After(const std::vector<Unit>& units, const std::vector<Fate>& fates) const {
    std::map<std::string, std::size_t> names = durable_names_;
    std::map<std::size_t, std::string> bytes;
    for (std::size_t i = 0; i < units.size(); ++i) {
      const Unit& unit = units[i];
      if (unit.name != nullptr) {
        if (fates[i] != kLost) unit.name->Apply(names);
        continue;
      }
      auto found = bytes.find(unit.inode);
      if (found == bytes.end()) {
        found = bytes.emplace(unit.inode, inodes_[unit.inode].durable).first;
      }
      unit.bytes->Apply(fates[i], found->second);
    }
    DiskState state{.folders = folders_, .files = {}};
    for (const auto& [path, inode] : names) {
      const auto found = bytes.find(inode);
      state.files[path] = found == bytes.end() ? inodes_[inode].durable : found->second;
    }
    return state;
  }

 private:
  std::size_t Find(const DiskChange& change) const {
    const auto found = names_.find(change.path);
    if (found == names_.end()) Confused(change);
    return found->second;
  }

  void Open(const DiskChange& change) {
    auto found = names_.find(change.path);
    if (found == names_.end()) {
      Pend({PendingName::kLink, change.path, "", inodes_.size()});
      inodes_.emplace_back();
      found = names_.find(change.path);
    } else if (change.truncate) {
      inodes_[found->second].pending.push_back({true, 0, ""});
    }
    open_[change.file] = found->second;
  }

  void Pend(PendingName name) {
    name.Apply(names_);
    pending_names_.push_back(std::move(name));
  }

  static void Sync(Inode& inode, bool failed) {
    for (PendingBytes& bytes : inode.pending) {
      if (failed) bytes.doubtful = true;
      if (!failed && !bytes.doubtful) bytes.Apply(kMade, inode.durable);
    }
    if (!failed) inode.pending.clear();
  }

  void SyncDir(const std::string& folder) {
    std::vector<PendingName> rest;
    for (PendingName& name : pending_names_) {
      if (fs::path(name.path).parent_path() == folder) {
        name.Apply(durable_names_);
      } else {
        rest.push_back(std::move(name));
      }
    }
    pending_names_ = std::move(rest);
  }

  std::set<std::string> folders_;
  std::vector<Inode> inodes_;
  std::map<std::string, std::size_t> names_;
  std::map<std::string, std::size_t> durable_names_;
  std::vector<PendingName> pending_names_;
  std::map<std::uint64_t, std::size_t> open_;
};

// All fates of `units`, or a choice of them; says which.
bool ChooseFates(const std::vector<Unit>& units, const CrashBounds& bounds,
                 std::vector<std::vector<Fate>>& chosen) {
  const std::size_t n = units.size();
  std::size_t all = 1;
  for (const Unit& unit : units) all = std::min(all * unit.fates(), bounds.exhaustive + 1);
  if (all <= bounds.exhaustive) {
    std::vector<Fate> fates(n, kLost);
    while (true) {
      chosen.push_back(fates);
      std::size_t i = 0;
      while (i < n && static_cast<std::size_t>(fates[i]) + 1 == units[i].fates()) {
        fates[i++] = kLost;
      }
      if (i == n) return true;
      fates[i] = static_cast<Fate>(fates[i] + 1);
    }
  }
  // What is older had these fates at the moments before this one.
  constexpr std::size_t kNewest = 4;
  for (const Fate others : {kLost, kMade}) {
    std::vector<Fate> fates(n, others);
    chosen.push_back(fates);
    for (std::size_t i = n - std::min(n, kNewest); i < n; ++i) {
      for (std::size_t fate = 0; fate < units[i].fates(); ++fate) {
        fates[i] = static_cast<Fate>(fate);
        if (fates[i] != others) chosen.push_back(fates);
      }
      fates[i] = others;
    }
  }
  std::mt19937 random(static_cast<std::mt19937::result_type>(n));
  for (std::size_t i = 0; i < bounds.drawn; ++i) {
    std::vector<Fate> fates;
    for (const Unit& unit : units) fates.push_back(static_cast<Fate>(random() % unit.fates()));
    chosen.push_back(std::move(fates));
  }
  return false;
}

Digest DigestOf(const DiskState& state) {
  std::string all;
  for (const std::string& folder : state.folders) absl::StrAppend(&all, folder, "\n");
  for (const auto& [path, bytes] : state.files) {
    absl::StrAppend(&all, path, "\n", bytes.size(), "\n", bytes);
  }
  return crypto::Sha256(AsBytes(all));
}

}  // namespace

DiskState DiskState::Of(const std::string& root) {
  DiskState state;
  for (const auto& entry : fs::recursive_directory_iterator(root)) {
    const std::string path = fs::relative(entry.path(), root).string();
    if (entry.is_directory()) state.folders.insert(path);
    if (!entry.is_regular_file()) continue;
    std::ifstream in(entry.path(), std::ios::binary);
    state.files[path] = std::string(std::istreambuf_iterator<char>(in), {});
  }
  return state;
}

void DiskState::WriteTo(const std::string& root) const {
  fs::create_directories(root);
  for (const std::string& folder : folders) fs::create_directories(fs::path(root) / folder);
  for (const auto& [path, bytes] : files) {
    std::ofstream out(fs::path(root) / path, std::ios::binary);
    out.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
    if (!out.flush()) std::abort();
  }
}

absl::Status RecordingEnv::Around(DiskChange& change, absl::FunctionRef<absl::Status()> run) {
  bool made = false;
  const absl::Status status = FaultEnv::Around(change, [&] {
    absl::Status ran = run();
    made = ran.ok();
    return ran;
  });
  const bool failed_sync = change.kind == Kind::kSync && !made;
  if ((!made && !failed_sync) || !absl::StartsWith(absl::StrCat(change.path, "/"), root_ + "/")) {
    return status;
  }
  const auto inside = [&](const std::string& path) {
    return path.size() > root_.size() ? path.substr(root_.size() + 1) : "";
  };
  Change kept{.what = change, .data = std::string(AsText(change.data)), .failed = failed_sync};
  kept.what.data = {};
  kept.what.path = inside(change.path);
  kept.what.new_path = inside(change.new_path);
  changes_.push_back(std::move(kept));
  return status;
}

CrashCount RecordingEnv::ForEachCrashState(
    const CrashBounds& bounds, const std::function<void(std::size_t, const DiskState&)>& visit,
    std::size_t first) const {
  const std::vector<Change> changes = [this] {
    MutexLock lock(&mutex_);
    return changes_;
  }();
  CrashCount count;
  std::set<Digest> seen;
  Disk disk(before_);
  for (std::size_t moment = 0;; ++moment) {
    if (moment >= first) {
      ++count.points;
      const std::vector<Unit> units = disk.Units();
      std::vector<std::vector<Fate>> chosen;
      if (!ChooseFates(units, bounds, chosen)) ++count.sampled_points;
      for (const std::vector<Fate>& fates : chosen) {
        ++count.states;
        const DiskState state = disk.After(units, fates);
        if (!seen.insert(DigestOf(state)).second) continue;
        ++count.distinct;
        visit(moment, state);
      }
    }
    if (moment == changes.size()) return count;
    disk.Play(changes[moment].what, changes[moment].data, changes[moment].failed);
  }
}

}  // namespace sealtrain::testing
