# What `cmake --install` lays down: programs (cli/), libraries, headers under
# include/sealtrain/<room>/, protos, and the package for find_package(Sealtrain).
include(CMakePackageConfigHelpers)

get_property(rooms GLOBAL PROPERTY SEALTRAIN_ROOMS)
foreach(room IN LISTS rooms)
  install(TARGETS sealtrain_${room} EXPORT SealtrainTargets
          ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR})
  install(DIRECTORY ${PROJECT_SOURCE_DIR}/${room}/
          DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/sealtrain/${room}
          FILES_MATCHING PATTERN "*.h" PATTERN "*_internal.h" EXCLUDE)
endforeach()
install(DIRECTORY ${SEALTRAIN_GENERATED_DIR}/sealtrain
        DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} FILES_MATCHING PATTERN "*.pb.h")
install(FILES ${PROJECT_SOURCE_DIR}/policy/import/sealtrain/data_class.proto
        DESTINATION ${CMAKE_INSTALL_DATADIR}/sealtrain/proto/sealtrain)
# What whoever reads the log's entries with a program of their own needs.
install(FILES ${PROJECT_SOURCE_DIR}/audit/event.proto
        DESTINATION ${CMAKE_INSTALL_DATADIR}/sealtrain/proto/sealtrain/audit)

set(package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/Sealtrain)
install(EXPORT SealtrainTargets NAMESPACE sealtrain:: DESTINATION ${package_dir})
configure_package_config_file(
  ${PROJECT_SOURCE_DIR}/cmake/SealtrainConfig.cmake.in ${PROJECT_BINARY_DIR}/SealtrainConfig.cmake
  INSTALL_DESTINATION ${package_dir} PATH_VARS CMAKE_INSTALL_DATADIR)
write_basic_package_version_file(
  ${PROJECT_BINARY_DIR}/SealtrainConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/SealtrainConfig.cmake
              ${PROJECT_BINARY_DIR}/SealtrainConfigVersion.cmake
              ${PROJECT_SOURCE_DIR}/cmake/SealtrainDependencies.cmake
        DESTINATION ${package_dir})
