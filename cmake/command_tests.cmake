# Tests that run the `cowlab` program itself, as a person would.
find_package(Python3 REQUIRED COMPONENTS Interpreter)

add_test(NAME command/bad-input-is-refused-with-what-to-do
  COMMAND ${Python3_EXECUTABLE} ${CMAKE_SOURCE_DIR}/cli/bad_input_test.py $<TARGET_FILE:cowlab>)

add_test(NAME command/campaigns-survive-what-they-run
  COMMAND ${Python3_EXECUTABLE} ${CMAKE_SOURCE_DIR}/cli/campaign_test.py $<TARGET_FILE:cowlab>)

add_test(NAME command/explorations-count-the-same-in-parts
  COMMAND ${Python3_EXECUTABLE} ${CMAKE_SOURCE_DIR}/cli/explore_test.py $<TARGET_FILE:cowlab>)

add_test(NAME command/conform-agrees-with-the-kernel
  COMMAND cowlab conform --compat kernel ${CMAKE_SOURCE_DIR}/scenarios/golden)
set_tests_properties(command/conform-agrees-with-the-kernel PROPERTIES
  PASS_REGULAR_EXPRESSION "132 agree, 0 deliberate, 0 differ")

add_test(NAME command/conform-default-differs-only-deliberately
  COMMAND cowlab conform ${CMAKE_SOURCE_DIR}/scenarios/golden)

# Exit 3, and so skipped, where there is no io_uring or no O_DIRECT.
add_test(NAME command/conform-on-real-disks-agrees-with-the-kernel
  COMMAND cowlab conform --compat kernel --on device --device-dir ${CMAKE_BINARY_DIR}
          ${CMAKE_SOURCE_DIR}/scenarios/golden)
set_tests_properties(command/conform-on-real-disks-agrees-with-the-kernel PROPERTIES
  SKIP_RETURN_CODE 3)

add_test(NAME command/run-finds-nothing-twice-alike
  COMMAND cowlab run --seeds 1-5000 --check-determinism --out ${CMAKE_BINARY_DIR}/out)

add_test(NAME command/run-from-a-store-that-linux-wrote
  COMMAND cowlab run --seeds 1-12 --from ${CMAKE_SOURCE_DIR}/scenarios/golden/real/ext4_P8
          --out ${CMAKE_BINARY_DIR}/out)

# Every request and allocation of the library fails once; ci/fault-loop adds the golden cases.
add_test(NAME command/every-fault-of-the-library-is-survived
  COMMAND cowlab faults --compat none --out ${CMAKE_BINARY_DIR}/out/faults rules lvm basics overflow
          crash merge handover multi-snapshot faults regressions
  WORKING_DIRECTORY ${CMAKE_SOURCE_DIR}/scenarios)

# What docs/guarantees.md and docs/latent-defects.md say, tried out.
add_test(NAME command/lies-that-nobody-can-find-out
  COMMAND ${CMAKE_SOURCE_DIR}/ci/envelope)
add_test(NAME command/the-commands-of-the-page-of-guarantees
  COMMAND ${CMAKE_SOURCE_DIR}/ci/check-guarantees)
set_tests_properties(command/lies-that-nobody-can-find-out
  command/the-commands-of-the-page-of-guarantees
  PROPERTIES ENVIRONMENT COWLAB=$<TARGET_FILE:cowlab>)
add_test(NAME command/every-latent-defect-has-its-scenario
  COMMAND ${CMAKE_SOURCE_DIR}/ci/witness --latent)

# The canary: a campaign of an engine without one safety rule must fail.
add_test(NAME command/run-finds-the-merge-without-origin-flush
  COMMAND cowlab run --compat 4.12 --seeds 1-2000 --max-findings 1 --out ${CMAKE_BINARY_DIR}/out)
set_tests_properties(command/run-finds-the-merge-without-origin-flush PROPERTIES
  PASS_REGULAR_EXPRESSION "FAIL ordering +INV-30")
