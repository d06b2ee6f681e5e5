# --version prints what git says of the sources, or "unknown" outside a checkout.
find_package(Git QUIET)
set(FACEFARM_VERSION unknown)
if(GIT_FOUND)
  execute_process(COMMAND ${GIT_EXECUTABLE} describe --always --dirty --tags
    WORKING_DIRECTORY ${PROJECT_SOURCE_DIR} OUTPUT_VARIABLE git_version
    OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET RESULT_VARIABLE git_failed)
  if(NOT git_failed)
    set(FACEFARM_VERSION ${git_version})
  endif()
endif()
configure_file(${PROJECT_SOURCE_DIR}/cmake/version.h.in ${PROJECT_BINARY_DIR}/generated/version.h)
target_include_directories(facefarm_flags INTERFACE ${PROJECT_BINARY_DIR}/generated)
