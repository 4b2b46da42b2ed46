// A witness over HTTP (C2SP tlog-witness), for this machine alone: it listens on
// the loopback only. Who wants to be asked from elsewhere puts a proxy with TLS
// before it.
#ifndef SEALTRAIN_CLI_WITNESS_SERVER_H_
#define SEALTRAIN_CLI_WITNESS_SERVER_H_

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "sealtrain/audit/witness.h"

struct MHD_Daemon;

namespace sealtrain::cli {

// Answers POST /add-checkpoint and GET /<origin hash>/checkpoint, in a thread of
// its own, until it is destroyed. Bodies have at most kMaxWitnessBytes, headers less
// than 32 KiB; a connection that says nothing for 10 seconds is closed, and there are
// at most 32.
class WitnessServer {
 public:
  // `address`: 127.0.0.1:PORT or [::1]:PORT; port 0 takes any that is free.
  // `witness` must outlive the server. InvalidArgument: another address.
  // Unavailable: the port is taken.
  static absl::StatusOr<std::unique_ptr<WitnessServer>> Start(audit::Witness& witness,
                                                              const std::string& address);
  ~WitnessServer();
  WitnessServer(const WitnessServer&) = delete;
  WitnessServer& operator=(const WitnessServer&) = delete;

  // Where it takes requests: http://127.0.0.1:PORT
  const std::string& url() const { return url_; }

 private:
  WitnessServer(MHD_Daemon* daemon, std::string url) : daemon_(daemon), url_(std::move(url)) {}

  MHD_Daemon* daemon_;
  std::string url_;
};

}  // namespace sealtrain::cli

#endif  // SEALTRAIN_CLI_WITNESS_SERVER_H_
