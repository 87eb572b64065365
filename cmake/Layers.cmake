# How every target of MVM is made: one call per layer, so that the rules stand in one place.

set(CMAKE_CXX_STANDARD 23)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_CXX_VISIBILITY_PRESET hidden)
set(CMAKE_VISIBILITY_INLINES_HIDDEN ON)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)

set(CMAKE_RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/bin)
set(CMAKE_LIBRARY_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/lib)
set(CMAKE_ARCHIVE_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/lib)

add_library(mvm_flags INTERFACE)
target_compile_options(mvm_flags INTERFACE -Wall -Wextra -Wpedantic -Wshadow -Wconversion
                                           -Wno-missing-field-initializers)
if(MVM_WERROR)
  target_compile_options(mvm_flags INTERFACE -Werror)
endif()
if(MVM_SANITIZE)
  target_compile_options(mvm_flags INTERFACE -fsanitize=${MVM_SANITIZE} -fno-sanitize-recover=all
                                             -fno-omit-frame-pointer)
  target_link_options(mvm_flags INTERFACE -fsanitize=${MVM_SANITIZE})
endif()
if(MVM_FUZZ)
  target_compile_options(mvm_flags INTERFACE -fsanitize=fuzzer-no-link)
endif()
target_link_options(mvm_flags INTERFACE -Wl,--as-needed)

# mvm_layer(NAME SOURCES a.cpp … LINKS targets that its headers need … PRIVATE_LINKS others …)
# A static library whose public headers are below include/. Links are private unless a header
# needs them, so that an include across a layer's border does not compile.
function(mvm_layer name)
  cmake_parse_arguments(PARSE_ARGV 1 layer "" "" "SOURCES;LINKS;PRIVATE_LINKS")
  add_library(mvm_${name} STATIC ${layer_SOURCES})
  target_include_directories(mvm_${name} PUBLIC ${CMAKE_CURRENT_SOURCE_DIR}/include
                                         PRIVATE ${CMAKE_CURRENT_SOURCE_DIR}/src)
  target_link_libraries(mvm_${name} PUBLIC ${layer_LINKS} PRIVATE mvm_flags ${layer_PRIVATE_LINKS})
endfunction()

# mvm_program(NAME SOURCES … LINKS …): an executable that is built to bin/ and installed.
function(mvm_program name)
  cmake_parse_arguments(PARSE_ARGV 1 program "" "" "SOURCES;LINKS")
  add_executable(${name} ${program_SOURCES})
  target_link_libraries(${name} PRIVATE mvm_flags ${program_LINKS})
  install(TARGETS ${name} RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR} COMPONENT runtime)
endfunction()
