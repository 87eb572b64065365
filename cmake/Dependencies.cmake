# Every package that MVM links, found once. scripts/setup installs them.
find_package(Threads REQUIRED)
find_package(PkgConfig REQUIRED)
find_package(OpenSSL REQUIRED COMPONENTS Crypto SSL)
# For its hash functions alone, where it is there: to load the shared library takes as long as a whole
# build from the cache.
find_library(STATIC_CRYPTO libcrypto.a)
if(NOT STATIC_CRYPTO)
  set(STATIC_CRYPTO OpenSSL::Crypto)
endif()
mark_as_advanced(STATIC_CRYPTO)
find_package(LibXml2 REQUIRED)
find_package(pugixml REQUIRED)
find_package(CLI11 REQUIRED)
find_package(nlohmann_json REQUIRED)
set(Boost_USE_STATIC_LIBS ON)  # a few instructions, called for each switch between fibers
find_package(Boost 1.74 REQUIRED COMPONENTS context)
pkg_check_modules(ZeroMQ REQUIRED IMPORTED_TARGET libzmq)
pkg_check_modules(Hwloc REQUIRED IMPORTED_TARGET hwloc)
pkg_check_modules(MuParser REQUIRED IMPORTED_TARGET muparser)

find_path(METIS_INCLUDE_DIR metis.h REQUIRED)
find_library(METIS_LIBRARY metis REQUIRED)
add_library(METIS::METIS UNKNOWN IMPORTED)
set_target_properties(METIS::METIS PROPERTIES IMPORTED_LOCATION ${METIS_LIBRARY}
                      INTERFACE_INCLUDE_DIRECTORIES ${METIS_INCLUDE_DIR})
