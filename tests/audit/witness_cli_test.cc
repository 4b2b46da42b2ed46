// sealtrain-audit as a witness, as who asks one, and as who relies on them.
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <signal.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <filesystem>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <thread>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "absl/time/clock.h"
#include "sealtrain/audit/cosignature.h"
#include "sealtrain/audit/witness_client.h"
#include "sealtrain/cli/witness_transport.h"
#include "sealtrain/tests/audit/audit_test_util.h"
#include "sealtrain/tests/audit/run_audit_cli.h"
#include "sealtrain/tests/util/status_matchers.h"
#include "sealtrain/tests/util/temp_dir.h"

extern char** environ;

namespace sealtrain::cli {
namespace {

namespace fs = std::filesystem;
using ::sealtrain::testing::StatusIs;
using ::sealtrain::testing::TempDir;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

// A program in the background, ended with the test.
class Background {
 public:
  explicit Background(const std::vector<std::string>& arguments) {
    std::array<int, 2> ends{};
    EXPECT_EQ(::pipe(ends.data()), 0);
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
    posix_spawn_file_actions_addclose(&actions, ends[0]);
    std::vector<char*> argv;
    for (const std::string& argument : arguments) {
      argv.push_back(const_cast<char*>(argument.c_str()));
    }
    argv.push_back(nullptr);
    EXPECT_EQ(::posix_spawn(&pid_, argv[0], &actions, nullptr, argv.data(), environ), 0);
    posix_spawn_file_actions_destroy(&actions);
    ::close(ends[1]);
    out_ = ::fdopen(ends[0], "r");
  }
  ~Background() {
    if (pid_ > 0) End();
    std::fclose(out_);
  }
  Background(const Background&) = delete;
  Background& operator=(const Background&) = delete;

  // Its next line on standard output, without the newline.
  std::string ReadLine() {
    std::array<char, 1024> line{};
    if (std::fgets(line.data(), line.size(), out_) == nullptr) return "";
    return std::string(absl::StripSuffix(line.data(), "\n"));
  }
  // How it exits when it is asked to end.
  int End() {
    ::kill(pid_, SIGTERM);
    int status = -1;
    ::waitpid(pid_, &status, 0);
    pid_ = -1;
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  }

 private:
  pid_t pid_ = -1;
  std::FILE* out_ = nullptr;
};

// All that a server on the loopback answers to these bytes.
std::string Exchange(const std::string& url, const std::string& bytes) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(static_cast<std::uint16_t>(std::stoi(url.substr(url.rfind(':') + 1))));
  const int fd = ::socket(AF_INET, SOCK_STREAM, 0);
  EXPECT_EQ(::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof(address)), 0);
  for (std::size_t sent = 0; sent < bytes.size();) {
    const ssize_t n = ::send(fd, bytes.data() + sent, bytes.size() - sent, MSG_NOSIGNAL);
    if (n <= 0) break;  // hung up on
    sent += static_cast<std::size_t>(n);
  }
  std::string answer;
  std::array<char, 4096> buffer;
  for (ssize_t n; (n = ::recv(fd, buffer.data(), buffer.size(), 0)) > 0;) {
    answer.append(buffer.data(), static_cast<std::size_t>(n));
  }
  ::close(fd);
  return answer;
}

class WitnessCliTest : public ::testing::Test {
 protected:
  void SetUp() override {
    audit::MakeLog(log_dir_, 5);
    for (const char* name : {"one", "two", "three"}) {
      const Result made =
          Run(absl::StrCat("witness --new-key w.example/", name, " --key ", KeyFile(name)));
      ASSERT_EQ(made.code, 0) << made.err;
      vkeys_[name] = std::string(absl::StripSuffix(made.out, "\n"));
    }
  }

  std::string KeyFile(const std::string& name) { return dir_.Join(absl::StrCat(name, ".key")); }
  std::string StateOf(const std::string& name) { return dir_.Join(absl::StrCat(name, ".state")); }

  Result Run(const std::string& arguments) { return RunAuditCli(arguments, dir_.Join("stderr")); }
  Result RunOn(const std::string& log, const std::string& arguments) {
    return Run(absl::StrCat("--log ", log, " ", arguments));
  }
  void Append(const std::string& log, std::uint64_t begin, std::uint64_t end,
              std::uint64_t offset = 0) {
    ASSERT_OK_AND_ASSIGN(auto writer, audit::OpenTestLog(Env::Posix(), log));
    for (std::uint64_t n = begin; n < end; ++n) {
      ASSERT_OK(writer->Append(audit::TestEvent(n + offset)));
    }
  }

  // Starts the witness, and keeps it.
  std::string Serve(const std::string& name, const std::string& address = "127.0.0.1:0") {
    servers_[name] = std::make_unique<Background>(std::vector<std::string>{
        SEALTRAIN_BIN_DIR "/sealtrain-audit", "witness", "--state", StateOf(name), "--key",
        KeyFile(name), "--vkey", vkey_, "--listen", address});
    urls_[name] = servers_[name]->ReadLine();
    return urls_[name];
  }
  // Two of three, those that are served with their URLs.
  std::string Policy() {
    std::string text = absl::StrCat("log ", vkey_, "\n");
    for (const auto& [name, vkey] : vkeys_) {
      absl::StrAppend(&text, "witness ", name, " ", vkey, " ", urls_[name], "\n");
    }
    absl::StrAppend(&text, "group most 2 one two three\nquorum most\n");
    audit::WriteText(dir_.Join("policy"), text);
    return absl::StrCat(" --policy ", dir_.Join("policy"));
  }

  TempDir dir_{TempDir::ParentInMemory()};
  const std::string log_dir_ = dir_.Join("log");
  const std::string vkey_ = audit::FormatVkey(audit::TestVerifier());
  std::map<std::string, std::string> vkeys_;
  std::map<std::string, std::string> urls_;
  std::map<std::string, std::unique_ptr<Background>> servers_;
};

TEST_F(WitnessCliTest, MakesKeysThatNobodyElseReads) {
  struct stat info {};
  ASSERT_EQ(::stat(KeyFile("one").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0600u);
  const std::vector<std::string> lines = absl::StrSplit(audit::ReadText(KeyFile("one")), '\n');
  ASSERT_EQ(lines.size(), 3u);
  EXPECT_EQ(lines[0], vkeys_["one"]);
  EXPECT_THAT(lines[0], StartsWith("w.example/one+"));
  EXPECT_EQ(lines[1].size(), 64u);
  EXPECT_NE(vkeys_["one"], vkeys_["two"]);
  // Never over another.
  EXPECT_NE(Run("witness --new-key a --key " + KeyFile("one")).code, 0);
  EXPECT_THAT(audit::ReadText(KeyFile("one")), StartsWith(lines[0]));
  EXPECT_EQ(Run("witness --new-key 'a b' --key " + dir_.Join("new")).code, 2);
}

TEST_F(WitnessCliTest, RefusesKeyFilesThatAreNone) {
  const std::string good = audit::ReadText(KeyFile("one"));
  const std::string other = audit::ReadText(KeyFile("two"));
  const std::string log_key = absl::StrCat(vkey_, "\n", good.substr(good.find('\n') + 1));
  for (const std::string& bad :
       {std::string(), std::string("\n"), good.substr(1), good.substr(0, good.size() - 1),
        good + "\n", good.substr(good.find('\n') + 1),
        good.substr(0, good.find('\n') + 1) + other.substr(other.find('\n') + 1), log_key,
        std::string(2000, 'a')}) {
    audit::WriteText(KeyFile("bad"), bad);
    const Result result = Run(absl::StrCat("witness --state ", StateOf("bad"), " --key ",
                                           KeyFile("bad"), " --vkey ", vkey_, " </dev/null"));
    EXPECT_EQ(result.code, 2) << bad;
    EXPECT_THAT(result.err, HasSubstr("not a key made by")) << bad;
  }
}

TEST_F(WitnessCliTest, IsCarriedToAWitnessAndBack) {
  const std::string request = dir_.Join("request");
  const std::string answer = dir_.Join("answer");
  const std::string witness =
      absl::StrCat("witness --state ", StateOf("one"), " --key ", KeyFile("one"), " --vkey ", vkey_,
                   " <", request, " >", answer);
  const std::string take = absl::StrCat("cosign --request ", request, " --answer ", answer,
                                        " --witness ", vkeys_["one"]);
  ASSERT_EQ(RunOn(log_dir_, "cosign --request-out " + request).code, 0);
  ASSERT_EQ(Run(witness).code, 0);
  EXPECT_THAT(audit::ReadText(answer), StartsWith("Status: 200 OK\nContent-Type: text/plain"));
  // The log goes on meanwhile.
  Append(log_dir_, 5, 7);
  const Result taken = RunOn(log_dir_, take);
  ASSERT_EQ(taken.code, 0) << taken.err;
  const std::string cosigned = audit::ReadText(log_dir_ + "/checkpoints/5.cosigned");
  ASSERT_OK_AND_ASSIGN(const audit::Note note, audit::ParseNote(cosigned));
  EXPECT_TRUE(audit::CosignedAt(note, *audit::ParseWitnessVkey(vkeys_["one"]))->has_value());

  // The next one, first with a size that the witness does not have.
  ASSERT_EQ(RunOn(log_dir_, "cosign --request-out " + request).code, 0);
  EXPECT_EQ(Run(witness).code, 1);
  EXPECT_THAT(audit::ReadText(answer), ::testing::EndsWith("text/x.tlog.size\n\n5\n"));
  const Result refused = RunOn(log_dir_, take);
  EXPECT_EQ(refused.code, 75);
  EXPECT_THAT(refused.err, HasSubstr("409: 5"));
  ASSERT_EQ(RunOn(log_dir_, "cosign --old 5 --request-out " + request).code, 0);
  ASSERT_EQ(Run(witness).code, 0);
  const std::string out = dir_.Join("cosigned");
  ASSERT_EQ(RunOn(log_dir_, take + " --out " + out).code, 0);
  EXPECT_FALSE(fs::exists(log_dir_ + "/checkpoints/7.cosigned"));
  EXPECT_THAT(audit::ReadText(out), StartsWith(audit::ReadText(log_dir_ + "/checkpoint")));
}

TEST_F(WitnessCliTest, ServesOnTheLoopbackAlone) {
  EXPECT_THAT(Serve("one"), StartsWith("http://127.0.0.1:"));
  for (const char* address :
       {"0.0.0.0:0", "127.0.0.2:0", "[::]:0", "localhost:0", "127.0.0.1",
        "127.0.0.1:", "127.0.0.1:65536", "127.0.0.1:-1", ":0", "192.0.2.1:0"}) {
    EXPECT_EQ(Run(absl::StrCat("witness --state ", StateOf("two"), " --key ", KeyFile("two"),
                               " --vkey ", vkey_, " --listen ", address))
                  .code,
              2)
        << address;
  }
  // Its state and its port are its own.
  EXPECT_EQ(Run(absl::StrCat("witness --state ", StateOf("one"), " --key ", KeyFile("one"),
                             " --vkey ", vkey_, " </dev/null"))
                .code,
            75);
  EXPECT_EQ(
      Run(absl::StrCat("witness --state ", StateOf("two"), " --key ", KeyFile("two"), " --vkey ",
                       vkey_, " --listen ", absl::StripPrefix(urls_["one"], "http://")))
          .code,
      75);
  EXPECT_EQ(servers_["one"]->End(), 0);
}

TEST_F(WitnessCliTest, SpeaksHttpAsTheProtocolSays) {
  const std::string url = Serve("one");
  ASSERT_OK_AND_ASSIGN(auto log, audit::LogReader::Open(Env::Posix(), log_dir_));
  ASSERT_OK_AND_ASSIGN(const std::string request, audit::MakeAddCheckpoint(*log, 0));
  const auto status_of = [&](const std::string& body) { return PostToWitness(url, body)->status; };
  EXPECT_EQ(status_of("nonsense"), 400);
  EXPECT_EQ(status_of(""), 400);
  ASSERT_OK_AND_ASSIGN(const audit::WitnessAnswer answer, PostToWitness(url + "/", request));
  EXPECT_EQ(answer.status, 200);
  EXPECT_THAT(answer.body, StartsWith("\xE2\x80\x94 w.example/one "));
  ASSERT_OK_AND_ASSIGN(const audit::WitnessAnswer again, PostToWitness(url, request));
  EXPECT_EQ(again.status, 409);
  EXPECT_EQ(again.content_type, "text/x.tlog.size");
  EXPECT_EQ(again.body, "5\n");
  // As much as a request may have, and more.
  EXPECT_EQ(status_of(std::string(audit::kMaxWitnessBytes, 'x')), 400);
  EXPECT_EQ(status_of(std::string(audit::kMaxWitnessBytes + 1, 'x')), 413);
  // Another path.
  EXPECT_EQ(PostToWitness(url + "/other", request)->status, 404);
  EXPECT_EQ(PostToWitness(absl::StrCat(url, "/x/checkpoint?"), request)->status, 405);
  EXPECT_THAT(PostToWitness("ftp://127.0.0.1/", request),
              StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_THAT(PostToWitness("file:///etc/passwd", request),
              StatusIs(absl::StatusCode::kInvalidArgument));
  servers_.clear();
  EXPECT_THAT(PostToWitness(url, request), StatusIs(absl::StatusCode::kUnavailable));
}

TEST_F(WitnessCliTest, ShowsItsLatestCheckpointOverHttp) {
  const std::string url = Serve("one");
  const std::string get =
      absl::StrCat("GET /", HexEncode(crypto::Sha256(AsBytes(audit::kTestOrigin))),
                   "/checkpoint HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
  EXPECT_THAT(Exchange(url, get), StartsWith("HTTP/1.1 404 "));
  ASSERT_EQ(RunOn(log_dir_, absl::StrCat("cosign --url ", url, " --witness ", vkeys_["one"])).code,
            0);
  const std::string answer = Exchange(url, get);
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 200 OK\r\n"));
  EXPECT_EQ(answer.substr(answer.find("\r\n\r\n") + 4),
            audit::ReadText(log_dir_ + "/checkpoints/5.cosigned"));
}

TEST_F(WitnessCliTest, OutlivesBadHttp) {
  const std::string url = Serve("one");
  const std::string head = "POST /add-checkpoint HTTP/1.1\r\nHost: a\r\nConnection: close\r\n";
  // More than is taken, announced and not.
  EXPECT_THAT(Exchange(url, head + "Content-Length: 99999999999\r\n\r\n"),
              StartsWith("HTTP/1.1 413 "));
  EXPECT_THAT(Exchange(url, head + "Content-Length: 18446744073709551616\r\n\r\n"),
              StartsWith("HTTP/1.1 4"));
  std::string chunks = head + "Transfer-Encoding: chunked\r\n\r\n";
  for (int i = 0; i < 40; ++i)
    absl::StrAppend(&chunks, "2000\r\n", std::string(0x2000, 'x'), "\r\n");
  EXPECT_THAT(Exchange(url, chunks + "0\r\n\r\n"), Not(HasSubstr("HTTP/1.1 2")));
  // Headers without an end, another method, no HTTP.
  EXPECT_THAT(Exchange(url, head + "A: " + std::string(100'000, 'x') + "\r\n\r\n"),
              Not(HasSubstr("HTTP/1.1 2")));
  EXPECT_THAT(Exchange(url, "GET /add-checkpoint HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"),
              StartsWith("HTTP/1.1 405 "));
  EXPECT_THAT(Exchange(url, "nonsense\r\n\r\n"), Not(HasSubstr(" 200 ")));
  EXPECT_EQ(RunOn(log_dir_, absl::StrCat("cosign --url ", url, " --witness ", vkeys_["one"])).code,
            0);
}

TEST_F(WitnessCliTest, CollectsAQuorumAndVerifiesAgainstIt) {
  Serve("one");
  Serve("two");
  const std::string policy = Policy();
  // Nobody has seen it yet.
  const Result before = RunOn(log_dir_, "verify" + policy);
  EXPECT_EQ(before.code, 1) << before.err;
  EXPECT_THAT(before.out,
              AllOf(StartsWith("NO QUORUM\n"),
                    HasSubstr("witnesses           0 of 3 for size 5, short of the quorum "
                              "most\n  one  no cosignature\n")));
  const Result cosigned = RunOn(log_dir_, "cosign" + policy);
  EXPECT_EQ(cosigned.code, 0) << cosigned.err;
  EXPECT_EQ(cosigned.out, "one  cosigned\ntwo  cosigned\nquorum most reached\n");
  const Result after = RunOn(log_dir_, "verify" + policy);
  EXPECT_EQ(after.code, 0) << after.err;
  EXPECT_THAT(after.out,
              AllOf(StartsWith("OK\n"), HasSubstr("against             the key of the policy\n"),
                    HasSubstr("witnesses           2 of 3 for size 5, reaching the quorum most\n"),
                    HasSubstr("\n  one  20"), HasSubstr("\n  three  no cosignature\n")));
  EXPECT_EQ(after.err, "");

  // What came after it has the log's key alone; that is said.
  Append(log_dir_, 5, 7);
  const Result later = RunOn(log_dir_, "verify" + policy);
  EXPECT_EQ(later.code, 0);
  EXPECT_THAT(later.err, HasSubstr("no quorum has seen entries 5 to 6"));
  const auto json = nlohmann::json::parse(RunOn(log_dir_, "verify --json" + policy).out);
  EXPECT_EQ(json["verified"], true);
  EXPECT_EQ(json["key_trusted"], true);
  EXPECT_EQ(json["size"], 7);
  EXPECT_EQ(json["witnessed"]["size"], 5);
  EXPECT_EQ(json["witnessed"]["counted"], 2);
  EXPECT_EQ(json["witnessed"]["reached"], true);
  EXPECT_EQ(json["witnessed"]["witnesses"][0]["name"], "one");
  EXPECT_EQ(json["witnessed"]["witnesses"][0]["counted"], true);
  EXPECT_EQ(json["cosigned_checkpoints"], 1);
  ASSERT_EQ(RunOn(log_dir_, "cosign" + policy).code, 0);
  EXPECT_EQ(RunOn(log_dir_, "verify" + policy).err, "");

  // One witness is away: two are asked, one answers, and that is not enough.
  servers_.erase("two");
  Append(log_dir_, 7, 8);
  const Result one = RunOn(log_dir_, "cosign" + policy);
  EXPECT_EQ(one.code, 75);
  EXPECT_THAT(one.out, HasSubstr("quorum most not reached"));
  EXPECT_THAT(one.err, HasSubstr("two: no answer"));
  // It still is for the size before.
  EXPECT_THAT(RunOn(log_dir_, "verify" + policy).err,
              HasSubstr("no quorum has seen entries 7 to 7"));
}

// Another program adds a cosignature between our look at the file and what we write.
TEST_F(WitnessCliTest, LosesNoCosignatureThatAnotherAdds) {
  Serve("one");
  Serve("two");
  const auto cosign = [&](const std::string& name, const std::string& out) {
    return absl::StrCat("exec " SEALTRAIN_BIN_DIR "/sealtrain-audit --log ", log_dir_,
                        " cosign --url ", urls_[name], " --witness ", vkeys_[name], " --out ", out,
                        " 2>&1");
  };
  fs::create_directory(dir_.Join("elsewhere"));
  const std::string theirs = dir_.Join("elsewhere/cosigned");
  ASSERT_EQ(RunShell(cosign("two", theirs)).code, 0);

  fs::create_directory(dir_.Join("here"));
  const std::string out = dir_.Join("here/cosigned");
  ASSERT_OK_AND_ASSIGN(auto lock, Env::Posix().Lock(dir_.Join("here/cosign.lock")));
  Background ours({"/bin/sh", "-c", cosign("one", out)});
  ASSERT_EQ(ours.ReadLine(), "waiting for another program that writes " + out);
  fs::copy_file(theirs, out);
  lock.reset();
  EXPECT_EQ(ours.ReadLine(), "w.example/one  cosigned");
  ASSERT_OK_AND_ASSIGN(const audit::Note note, audit::ParseNote(audit::ReadText(out)));
  for (const char* name : {"one", "two"}) {
    EXPECT_TRUE(audit::CosignedAt(note, *audit::ParseWitnessVkey(vkeys_[name]))->has_value())
        << name;
  }
}

TEST_F(WitnessCliTest, LeavesLaterCosignaturesOutOfTheLogAsItWas) {
  Serve("one");
  Serve("two");
  const std::string policy = Policy();
  ASSERT_EQ(RunOn(log_dir_, "cosign" + policy).code, 0);
  Append(log_dir_, 5, 7);
  ASSERT_EQ(RunOn(log_dir_, "cosign" + policy).code, 0);
  const Result then = RunOn(log_dir_, "--at 5 --json verify" + policy);
  ASSERT_EQ(then.code, 0) << then.err;
  const auto json = nlohmann::json::parse(then.out);
  EXPECT_EQ(json["size"], 5);
  EXPECT_EQ(json["cosigned_checkpoints"], 1);
  EXPECT_EQ(json["witnessed"]["size"], 5);
}

TEST_F(WitnessCliTest, CountsNoOldCosignatures) {
  Serve("one");
  Serve("two");
  const std::string policy = Policy();
  ASSERT_EQ(RunOn(log_dir_, "cosign" + policy).code, 0);
  EXPECT_EQ(RunOn(log_dir_, "verify --max-age 1h" + policy).code, 0);
  std::this_thread::sleep_for(std::chrono::milliseconds(2100));
  const Result old = RunOn(log_dir_, "verify --max-age 1s" + policy);
  EXPECT_EQ(old.code, 1);
  EXPECT_THAT(old.out, HasSubstr("(too old, or in the future)"));
  EXPECT_EQ(RunOn(log_dir_, "verify --max-age nonsense" + policy).code, 2);
  EXPECT_EQ(RunOn(log_dir_, "verify --max-age 1h").code, 2);
}

// Here "two" is away, and what it left is from the future; `cosign` and `verify` agree on it.
TEST_F(WitnessCliTest, CountsNoCosignatureFromTheFuture) {
  Serve("one");
  const std::string policy = Policy();
  const auto note_at = [&](absl::Duration ahead) {
    std::string note = audit::ReadText(log_dir_ + "/checkpoint");
    for (const char* name : {"one", "two"}) {
      const std::string file = audit::ReadText(KeyFile(name));
      const std::string hex = file.substr(file.find('\n') + 1, 64);
      const auto key = crypto::SigningKey::FromSeed(
          *crypto::SecretBytes::CopyFrom(AsBytes(absl::HexStringToBytes(hex))));
      note += *audit::Cosign(audit::ParseNote(note)->text, absl::StrCat("w.example/", name), *key,
                             static_cast<std::uint64_t>(absl::ToUnixSeconds(absl::Now() + ahead)));
    }
    audit::WriteText(log_dir_ + "/checkpoints/5.cosigned", note);
    const int code = RunOn(log_dir_, "verify" + policy).code;
    EXPECT_THAT(RunOn(log_dir_, "cosign" + policy).out,
                HasSubstr(code == 0 ? " reached" : " not reached"));
    return code;
  };
  EXPECT_EQ(note_at(absl::Minutes(4)), 0);
  EXPECT_EQ(note_at(absl::Minutes(6)), 1);
}

TEST_F(WitnessCliTest, FindsForksRollbacksAndResignedTails) {
  Serve("one");
  Serve("two");
  const std::string policy = Policy();
  const std::string earlier = dir_.Join("earlier");
  audit::CopyLog(log_dir_, earlier);
  const std::string last_seen = dir_.Join("last_seen");
  Append(log_dir_, 5, 9);
  ASSERT_EQ(RunOn(log_dir_, "cosign --out " + last_seen + policy).code, 0);
  ASSERT_EQ(RunOn(log_dir_, "verify --old " + last_seen + policy).code, 0);

  // Put back as a whole: nothing in it tells, a last-seen file and a witness do.
  EXPECT_EQ(RunOn(earlier, "verify").code, 0);
  Result found = RunOn(earlier, "verify --old " + last_seen);
  EXPECT_EQ(found.code, 4);
  EXPECT_THAT(found.err, HasSubstr("rolled back or truncated"));
  found = RunOn(earlier, "cosign" + policy);
  EXPECT_EQ(found.code, 4);
  EXPECT_THAT(found.err, HasSubstr("rolled back or truncated"));

  // The tail signed anew, to a larger size; and another log from the start.
  const std::string tail = dir_.Join("tail");
  audit::CopyLog(earlier, tail);
  Append(tail, 5, 12, 1000);
  const std::string fork = dir_.Join("fork");
  audit::MakeLog(fork, 2);
  Append(fork, 2, 9, 1000);
  for (const std::string& log : {tail, fork}) {
    EXPECT_EQ(RunOn(log, "verify").code, 0);
    found = RunOn(log, "verify --old " + last_seen);
    EXPECT_EQ(found.code, 4);
    EXPECT_THAT(found.err, HasSubstr("another history"));
    found = RunOn(log, "cosign" + policy);
    EXPECT_EQ(found.code, 4);
    EXPECT_THAT(found.err, HasSubstr("another history"));
    // Without a memory there is no quorum, and no OK.
    EXPECT_EQ(RunOn(log, "verify" + policy).code, 1);
    // Nor with the cosignatures of the true history beside it.
    fs::copy_file(last_seen, log + "/checkpoints/9.cosigned");
    EXPECT_EQ(RunOn(log, "verify" + policy).code, 4);
    EXPECT_EQ(RunOn(log, "verify").code, 4);
  }
  // The true one is none the worse for it.
  Append(log_dir_, 9, 10);
  EXPECT_EQ(RunOn(log_dir_, "cosign" + policy).code, 0);
}

TEST_F(WitnessCliTest, TakesAnyOfSeveralKeysOfALog) {
  const std::string other = audit::FormatVkey(audit::TestVerifier(8));
  const std::string stranger = audit::FormatVkey(audit::TestVerifier(9));
  EXPECT_EQ(
      Run(absl::StrCat("--vkey ", other, " --log ", log_dir_, " --vkey ", vkey_, " verify")).code,
      0);
  EXPECT_EQ(RunOn(log_dir_, absl::StrCat("verify --vkey ", other, " --vkey ", stranger)).code, 4);
  const Result verified = RunOn(log_dir_, absl::StrCat("verify --vkey ", other, " --vkey ", vkey_));
  EXPECT_THAT(verified.out, HasSubstr("the key given with --vkey"));

  // The key is replaced; cosignatures from before count on.
  Serve("one");
  Serve("two");
  const std::string policy = Policy();
  ASSERT_EQ(RunOn(log_dir_, "cosign" + policy).code, 0);
  const auto append = [&](std::uint8_t key, std::optional<crypto::SigningKey> next) {
    ASSERT_OK_AND_ASSIGN(auto log, audit::AuditLog::Open(Env::Posix(), audit::TestOptions(log_dir_),
                                                         audit::TestKey(key), std::move(next)));
    ASSERT_OK(log->Append(audit::TestEvent(log->size())));
  };
  append(7, audit::TestKey(8));
  EXPECT_EQ(RunOn(log_dir_, "verify" + policy).code, 0);
  EXPECT_EQ(RunOn(log_dir_, "cosign" + policy).code, 0);
  const std::string new_policy = dir_.Join("new_policy");
  audit::WriteText(new_policy, absl::StrCat("log ", other, "\nquorum none\n"));
  const Result overlapping = RunOn(log_dir_, "verify --json --policy " + new_policy);
  EXPECT_EQ(overlapping.code, 0) << overlapping.err;
  EXPECT_EQ(nlohmann::json::parse(overlapping.out)["key"], other);
  audit::WriteText(new_policy, absl::StrCat("log ", stranger, "\nquorum none\n"));
  EXPECT_EQ(RunOn(log_dir_, "verify --policy " + new_policy).code, 4);
  // What the new key has not signed it cannot answer for.
  const Result before = RunOn(log_dir_, absl::StrCat("log --at 5 --vkey ", other));
  EXPECT_EQ(before.code, 4);
  EXPECT_THAT(before.err, HasSubstr("name it as well"));
  EXPECT_EQ(RunOn(log_dir_, absl::StrCat("log --at 5 --vkey ", other, " --vkey ", vkey_)).code, 0);
  append(8, std::nullopt);
  // The policy does not know the new key yet, nor do the witnesses.
  EXPECT_EQ(RunOn(log_dir_, "verify" + policy).code, 4);
  EXPECT_EQ(RunOn(log_dir_, "cosign" + policy).code, 1);
  audit::WriteText(dir_.Join("policy"),
                   absl::StrCat("log ", other, "\n", audit::ReadText(dir_.Join("policy"))));
  const Result after = RunOn(log_dir_, "verify" + policy);
  EXPECT_EQ(after.code, 0) << after.err;
  EXPECT_THAT(after.out, HasSubstr("2 of 3 for size 6, reaching"));
}

TEST_F(WitnessCliTest, RefusesCosignedFilesThatWereChanged) {
  Serve("one");
  Serve("two");
  const std::string policy = Policy();
  ASSERT_EQ(RunOn(log_dir_, "cosign" + policy).code, 0);
  const std::string path = log_dir_ + "/checkpoints/5.cosigned";
  const std::string good = audit::ReadText(path);
  ASSERT_OK_AND_ASSIGN(const audit::Note note, audit::ParseNote(good));
  std::string bad = good;
  bad[good.rfind("w.example/two ") + 40] ^= 1;
  audit::WriteText(path, bad);
  EXPECT_EQ(RunOn(log_dir_, "verify" + policy).code, 4);
  audit::WriteText(path, "nonsense");
  EXPECT_EQ(RunOn(log_dir_, "verify" + policy).code, 4);
  EXPECT_EQ(RunOn(log_dir_, "cosign" + policy).code, 2);  // does not write over it
  EXPECT_EQ(audit::ReadText(path), "nonsense");
  audit::WriteText(path, good);
  EXPECT_EQ(RunOn(log_dir_, "verify" + policy).code, 0);
}

TEST_F(WitnessCliTest, NeedsAPolicyThatIsOneAndOfThisLog) {
  const std::string path = dir_.Join("policy");
  audit::WriteText(path, "# comment\nquorum all-of-them\n");
  const Result bad = RunOn(log_dir_, "verify --policy " + path);
  EXPECT_EQ(bad.code, 2);
  EXPECT_THAT(bad.err, HasSubstr("line 2: not defined before: all-of-them"));
  audit::WriteText(
      path, absl::StrCat("log ", audit::FormatVkey(audit::TestVerifier(8)), "\nquorum none\n"));
  EXPECT_EQ(RunOn(log_dir_, "verify --policy " + path).code, 4);
  audit::WriteText(path, "quorum none\n");
  const Result none = RunOn(log_dir_, "verify --policy " + path);
  EXPECT_EQ(none.code, 0);
  EXPECT_THAT(none.out, HasSubstr("the key that the log itself names"));
  EXPECT_THAT(none.err,
              AllOf(HasSubstr("give --vkey"), HasSubstr("Only a checkpoint kept elsewhere")));
}

TEST_F(WitnessCliTest, ExitsWithUsageErrors) {
  const std::string key = " --key " + KeyFile("one");
  for (const std::string& arguments :
       {std::string("witness"), "witness" + key,
        absl::StrCat("witness --at 3 --vkey ", vkey_, " --state ", StateOf("one"), key),
        "witness --state " + StateOf("one") + key,
        "witness --vkey nonsense --state " + StateOf("one") + key, "--log " + log_dir_ + " cosign",
        "--log " + log_dir_ + " cosign --url http://127.0.0.1:1",
        "--log " + log_dir_ + " cosign --witness " + vkeys_["one"],
        "--log " + log_dir_ + " cosign --url http://127.0.0.1:1 --witness " + vkey_,
        "--log " + log_dir_ + " cosign --request " + KeyFile("one"),
        "--log " + log_dir_ + " cosign --answer " + KeyFile("one"),
        std::string("cosign --request-out ") + dir_.Join("request")}) {
    EXPECT_EQ(Run(arguments + " </dev/null").code, 2) << arguments;
  }
}

}  // namespace
}  // namespace sealtrain::cli
