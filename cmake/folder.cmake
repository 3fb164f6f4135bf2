# cowlab_folder(NAME ...): the static library cowlab_NAME from every source of the folder NAME and
# of its sub-folders that is neither a test nor a main program; the rest of the arguments go to
# target_link_libraries. A folder without sources yet becomes an interface library.
set(cowlab_revision_script "${CMAKE_SOURCE_DIR}/cmake/revision.cmake")

function(cowlab_sources out folder)
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS "${CMAKE_SOURCE_DIR}/${folder}/*.cc")
  list(FILTER sources EXCLUDE REGEX "_test\\.cc$|_main\\.cc$|/main\\.cc$")
  if(folder STREQUAL "scenarios")
    list(FILTER sources EXCLUDE REGEX "/scenarios/museum/")
  endif()
  if(folder STREQUAL "device")
    list(FILTER sources EXCLUDE REGEX "/device/kernel_runner/")
  endif()
  set(${out} ${sources} PARENT_SCOPE)
endfunction()

function(cowlab_folder name)
  cowlab_sources(sources ${name})
  if(sources)
    add_library(cowlab_${name} STATIC ${sources})
    target_include_directories(cowlab_${name} PUBLIC ${CMAKE_SOURCE_DIR})
    target_link_libraries(cowlab_${name} ${ARGN})
  else()
    add_library(cowlab_${name} INTERFACE)
  endif()
endfunction()

# The `cowlab` program: the library of the folder (so that its parts can be tested) and main.cc.
function(cowlab_command folder)
  cowlab_folder(${folder} ${ARGN})
  if(EXISTS ${CMAKE_SOURCE_DIR}/${folder}/main.cc)
    set(revision "${CMAKE_BINARY_DIR}/generated/cowlab_revision.h")
    add_custom_target(cowlab_revision BYPRODUCTS ${revision}
      COMMAND ${CMAKE_COMMAND} -DSOURCE=${CMAKE_SOURCE_DIR} -DHEADER=${revision}
              -P ${cowlab_revision_script})
    add_executable(cowlab ${folder}/main.cc ${folder}/version_main.cc)
    add_dependencies(cowlab cowlab_revision)
    target_include_directories(cowlab PRIVATE ${CMAKE_BINARY_DIR}/generated)
    target_compile_definitions(cowlab PRIVATE COWLAB_VERSION="${PROJECT_VERSION}")
    target_link_libraries(cowlab PRIVATE cowlab_${folder})
    set_target_properties(cowlab PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR})
    add_executable(kernel_differential ${folder}/kernel_differential_main.cc)
    target_link_libraries(kernel_differential PRIVATE cowlab_${folder})
    set_target_properties(kernel_differential PROPERTIES OUTPUT_NAME kernel-differential)
    add_executable(kernel_crash ${folder}/kernel_crash_main.cc)
    target_link_libraries(kernel_crash PRIVATE cowlab_${folder})
    set_target_properties(kernel_crash PROPERTIES OUTPUT_NAME kernel-crash)
  endif()
endfunction()

# One program of tests a folder, `NAME_tests`; a test may look at world and sim whatever its folder.
function(cowlab_tests)
  foreach(name ${ARGN})
    file(GLOB_RECURSE tests CONFIGURE_DEPENDS "${CMAKE_SOURCE_DIR}/${name}/*_test.cc")
    if(tests)
      add_executable(${name}_tests ${tests})
      target_link_libraries(${name}_tests PRIVATE cowlab_${name} cowlab_sim GTest::gtest_main
        rapidcheck rapidcheck_gtest)
      target_compile_definitions(${name}_tests PRIVATE
        COWLAB_SOURCE_DIR="${CMAKE_SOURCE_DIR}" COWLAB_BINARY_DIR="${CMAKE_BINARY_DIR}")
      include(GoogleTest)
      gtest_discover_tests(${name}_tests TEST_PREFIX "${name}/" DISCOVERY_TIMEOUT 60
        PROPERTIES ENVIRONMENT "RC_PARAMS=seed=1" LABELS ${name})
    endif()
  endforeach()
endfunction()

# The program that runs inside a user-mode-linux: static, and never instrumented (a sanitizer's
# shadow does not fit into that machine), so it compiles what it needs of other folders itself.
function(cowlab_kernel_runner)
  file(GLOB runner CONFIGURE_DEPENDS "${CMAKE_SOURCE_DIR}/device/kernel_runner/*.cc")
  cowlab_sources(language scenarios)
  list(FILTER language EXCLUDE REGEX "/(generate|shrink.*|scenario_size)\\.cc$")
  add_executable(cowlab_kernel_runner ${runner} ${language}
    ${CMAKE_SOURCE_DIR}/device/write_log_format.cc
    ${CMAKE_SOURCE_DIR}/base/check.cc ${CMAKE_SOURCE_DIR}/base/hash.cc)
  target_include_directories(cowlab_kernel_runner PRIVATE ${CMAKE_SOURCE_DIR})
  target_compile_definitions(cowlab_kernel_runner PRIVATE FMT_HEADER_ONLY)
  if(COWLAB_SANITIZE)
    target_compile_options(cowlab_kernel_runner PRIVATE -fno-sanitize=all)
    target_link_options(cowlab_kernel_runner PRIVATE -fno-sanitize=all)
  endif()
  target_link_options(cowlab_kernel_runner PRIVATE -static)
  target_link_libraries(cowlab_kernel_runner PRIVATE xxhash)
  set_target_properties(cowlab_kernel_runner PROPERTIES OUTPUT_NAME cowlab-kernel-runner)
endfunction()
