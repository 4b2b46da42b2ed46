# What the libraries link. Everything comes from Debian 12; nothing is downloaded.
# Included by the build and, once installed, by find_package(Sealtrain).
find_package(PkgConfig REQUIRED)
find_package(OpenSSL 3.0 REQUIRED)
find_package(Protobuf REQUIRED)
find_package(absl REQUIRED)
find_package(SQLite3 REQUIRED)
find_package(Eigen3 3.4 REQUIRED NO_MODULE)
find_package(simdjson REQUIRED)
find_package(nlohmann_json REQUIRED)
pkg_check_modules(Sodium REQUIRED IMPORTED_TARGET GLOBAL libsodium>=1.0.18)
pkg_check_modules(Re2 REQUIRED IMPORTED_TARGET GLOBAL re2)
pkg_check_modules(Zstd REQUIRED IMPORTED_TARGET GLOBAL libzstd)

# libcsv ships neither a CMake package nor a pkg-config file.
find_path(CSV_INCLUDE_DIR csv.h REQUIRED)
find_library(CSV_LIBRARY csv REQUIRED)
if(NOT TARGET Csv::Csv)
  add_library(Csv::Csv UNKNOWN IMPORTED GLOBAL)
  set_target_properties(Csv::Csv PROPERTIES
    IMPORTED_LOCATION ${CSV_LIBRARY} INTERFACE_INCLUDE_DIRECTORIES ${CSV_INCLUDE_DIR})
endif()
