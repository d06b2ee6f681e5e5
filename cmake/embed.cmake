# facefarm_embed(target name file...): compiles text files into `target` as
# the table `const struct embedded_file name[]` (common/embedded.h).
add_executable(embed common/tools/embed.c)
target_link_libraries(embed PRIVATE facefarm_flags)

function(facefarm_embed target name)
  set(output ${CMAKE_CURRENT_BINARY_DIR}/${name}.c)
  set(inputs)
  foreach(file IN LISTS ARGN)
    list(APPEND inputs ${CMAKE_CURRENT_SOURCE_DIR}/${file})
  endforeach()
  add_custom_command(OUTPUT ${output} COMMAND embed ${name} ${output} ${inputs}
    DEPENDS embed ${inputs} COMMENT "Embedding ${name}")
  target_sources(${target} PRIVATE ${output})
endfunction()
