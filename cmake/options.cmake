# Switches of the build and the flags every target gets.
option(FACEFARM_TESTS "Build the tests" ON)
option(FACEFARM_FUZZ "Build libFuzzer targets (needs clang); otherwise they replay their corpus" OFF)
set(FACEFARM_SANITIZE "" CACHE STRING "Sanitizers, as for -fsanitize= (address,undefined or thread)")

set(CMAKE_C_STANDARD 11)
set(CMAKE_C_STANDARD_REQUIRED ON)
set(CMAKE_C_EXTENSIONS OFF)

add_library(facefarm_flags INTERFACE)
target_compile_definitions(facefarm_flags INTERFACE _GNU_SOURCE CL_TARGET_OPENCL_VERSION=120)
target_compile_options(facefarm_flags INTERFACE
  -Wall -Wextra -Werror -Wshadow -Wstrict-prototypes -Wmissing-prototypes
  -Wpointer-arith -Wwrite-strings -Wvla -Wformat=2 -Wswitch-enum -Wundef
  # Latents are bit-identical everywhere only without fused multiply-add.
  -ffp-contract=off
  # assert() guards our own invariants, in release builds too.
  -UNDEBUG)
target_include_directories(facefarm_flags INTERFACE ${PROJECT_SOURCE_DIR})

if(FACEFARM_SANITIZE)
  target_compile_options(facefarm_flags INTERFACE
    -fsanitize=${FACEFARM_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=all)
  target_link_options(facefarm_flags INTERFACE -fsanitize=${FACEFARM_SANITIZE})
endif()

if(FACEFARM_FUZZ)
  target_compile_options(facefarm_flags INTERFACE -fsanitize=fuzzer-no-link)
endif()
