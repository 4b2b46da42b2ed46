#include "sealtrain/cli/witness_server.h"

#include <arpa/inet.h>
#include <microhttpd.h>
#include <netinet/in.h>

#include <cstring>
#include <optional>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "sealtrain/audit/text_encoding.h"

namespace sealtrain::cli {
namespace {

using audit::Witness;
using audit::WitnessAnswer;

constexpr unsigned kIdleSeconds = 10;
constexpr unsigned kMaxConnections = 32;
constexpr std::size_t kConnectionBytes = 32 * 1024;  // for headers, both ways
constexpr int kTooLong = 413;
constexpr int kWrongMethod = 405;

struct RequestBody {
  std::string bytes;
};

MHD_Result Send(MHD_Connection* connection, const WitnessAnswer& answer) {
  MHD_Response* response = MHD_create_response_from_buffer(
      answer.body.size(), const_cast<char*>(answer.body.data()), MHD_RESPMEM_MUST_COPY);
  if (response == nullptr) return MHD_NO;
  MHD_Result result =
      MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, answer.content_type.c_str());
  if (result == MHD_YES) {
    result = MHD_queue_response(connection, static_cast<unsigned>(answer.status), response);
  }
  MHD_destroy_response(response);
  return result;
}

WitnessAnswer Answer(Witness& witness, absl::string_view url, absl::string_view method,
                     absl::string_view body) {
  const auto wrong_method = [] {
    return audit::Refusal(kWrongMethod, "another method than this path has");
  };
  if (url == "/add-checkpoint") {
    return method == MHD_HTTP_METHOD_POST ? witness.AddCheckpoint(body) : wrong_method();
  }
  absl::string_view hash = url;
  if (absl::ConsumePrefix(&hash, "/") && absl::ConsumeSuffix(&hash, "/checkpoint")) {
    return method == MHD_HTTP_METHOD_GET ? witness.LatestCheckpoint(hash) : wrong_method();
  }
  return audit::Refusal(WitnessAnswer::kUnknownLog, "no such path");
}

// Whether the headers announce more than is taken.
bool AnnouncesTooMuch(MHD_Connection* connection) {
  const char* length =
      MHD_lookup_connection_value(connection, MHD_HEADER_KIND, MHD_HTTP_HEADER_CONTENT_LENGTH);
  return length != nullptr && !audit::DecodeDecimal(length, audit::kMaxWitnessBytes);
}

// libmicrohttpd calls this with the headers, then with each piece of the body, then
// with none left.
MHD_Result OnRequest(void* cls, MHD_Connection* connection, const char* url, const char* method,
                     const char* /*version*/, const char* data, std::size_t* data_size,
                     void** state) {
  if (*state == nullptr) {
    if (AnnouncesTooMuch(connection)) {
      return Send(connection, audit::Refusal(kTooLong, "more than a request may have"));
    }
    *state = new RequestBody;  // until OnCompleted()
    return MHD_YES;
  }
  std::string& body = static_cast<RequestBody*>(*state)->bytes;
  if (*data_size == 0) {
    return Send(connection, Answer(*static_cast<Witness*>(cls), url, method, body));
  }
  // Who sends more than was announced, or announced nothing, is hung up on.
  if (body.size() + *data_size > audit::kMaxWitnessBytes) return MHD_NO;
  body.append(data, *data_size);
  *data_size = 0;
  return MHD_YES;
}

void OnCompleted(void* /*cls*/, MHD_Connection* /*connection*/, void** state,
                 MHD_RequestTerminationCode /*code*/) {
  delete static_cast<RequestBody*>(*state);
  *state = nullptr;
}

struct Loopback {
  sockaddr_storage address{};
  std::string host;  // as in a URL
};

std::optional<Loopback> ParseLoopback(const std::string& text) {
  const std::size_t colon = text.rfind(':');
  if (colon == std::string::npos) return std::nullopt;
  const auto port = audit::DecodeDecimal(absl::string_view(text).substr(colon + 1), 0xFFFF);
  if (!port) return std::nullopt;
  Loopback loopback{.host = text.substr(0, colon)};
  if (loopback.host == "127.0.0.1") {
    sockaddr_in v4{};
    v4.sin_family = AF_INET;
    v4.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    v4.sin_port = htons(static_cast<std::uint16_t>(*port));
    std::memcpy(&loopback.address, &v4, sizeof(v4));
    return loopback;
  }
  if (loopback.host == "[::1]") {
    sockaddr_in6 v6{};
    v6.sin6_family = AF_INET6;
    v6.sin6_addr = in6addr_loopback;
    v6.sin6_port = htons(static_cast<std::uint16_t>(*port));
    std::memcpy(&loopback.address, &v6, sizeof(v6));
    return loopback;
  }
  return std::nullopt;
}

}  // namespace

absl::StatusOr<std::unique_ptr<WitnessServer>> WitnessServer::Start(Witness& witness,
                                                                    const std::string& address) {
  const std::optional<Loopback> loopback = ParseLoopback(address);
  if (!loopback) {
    return absl::InvalidArgumentError(
        "a witness listens on 127.0.0.1:PORT or [::1]:PORT, nowhere else");
  }
  const unsigned ipv6 = loopback->address.ss_family == AF_INET6 ? MHD_USE_IPv6 : 0;
  // One thread: requests come one after the other.
  MHD_Daemon* daemon = MHD_start_daemon(
      MHD_USE_INTERNAL_POLLING_THREAD | ipv6, /*port=*/0, nullptr, nullptr, &OnRequest, &witness,
      MHD_OPTION_SOCK_ADDR, &loopback->address, MHD_OPTION_NOTIFY_COMPLETED, &OnCompleted, nullptr,
      MHD_OPTION_CONNECTION_TIMEOUT, kIdleSeconds, MHD_OPTION_CONNECTION_LIMIT, kMaxConnections,
      MHD_OPTION_CONNECTION_MEMORY_LIMIT, kConnectionBytes, MHD_OPTION_END);
  if (daemon == nullptr) {
    return absl::UnavailableError(absl::StrCat("cannot listen on ", address));
  }
  const MHD_DaemonInfo* info = MHD_get_daemon_info(daemon, MHD_DAEMON_INFO_BIND_PORT);
  return std::unique_ptr<WitnessServer>(
      new WitnessServer(daemon, absl::StrCat("http://", loopback->host, ":", info->port)));
}

WitnessServer::~WitnessServer() { MHD_stop_daemon(daemon_); }

}  // namespace sealtrain::cli
