# What is installed for programmers of jobs: the header, libmvm, and how to find them, by
# find_package(mvm), which gives the target mvm::mvm, and by pkg-config.
include(CMakePackageConfigHelpers)

set_target_properties(mvm_sdk PROPERTIES VERIFY_INTERFACE_HEADER_SETS ON)
install(TARGETS mvm_sdk EXPORT mvm COMPONENT sdk FILE_SET HEADERS DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})

set(package_folder ${CMAKE_INSTALL_LIBDIR}/cmake/mvm)
install(EXPORT mvm NAMESPACE mvm:: FILE mvmTargets.cmake DESTINATION ${package_folder} COMPONENT sdk)
configure_package_config_file(${CMAKE_CURRENT_LIST_DIR}/mvmConfig.cmake.in
  ${CMAKE_BINARY_DIR}/package/mvmConfig.cmake INSTALL_DESTINATION ${package_folder})
write_basic_package_version_file(${CMAKE_BINARY_DIR}/package/mvmConfigVersion.cmake
  COMPATIBILITY SameMinorVersion)
install(FILES ${CMAKE_BINARY_DIR}/package/mvmConfig.cmake
              ${CMAKE_BINARY_DIR}/package/mvmConfigVersion.cmake
  DESTINATION ${package_folder} COMPONENT sdk)

# pkg-config's prefix is relative to the file, so that an installed tree may be moved.
file(RELATIVE_PATH MVM_PC_TO_PREFIX /${CMAKE_INSTALL_LIBDIR}/pkgconfig /)
string(REGEX REPLACE "/$" "" MVM_PC_TO_PREFIX ${MVM_PC_TO_PREFIX})
configure_file(${CMAKE_CURRENT_LIST_DIR}/mvm.pc.in ${CMAKE_BINARY_DIR}/package/mvm.pc @ONLY)
install(FILES ${CMAKE_BINARY_DIR}/package/mvm.pc
  DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig COMPONENT sdk)

install(FILES LICENSE LICENSES/Apache-2.0.txt LICENSES/GPL-3.0-or-later.txt
  DESTINATION ${CMAKE_INSTALL_DOCDIR} COMPONENT sdk)
