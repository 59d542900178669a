# One program and one ctest entry per tests/FOLDER/THING_test.c; _double_test.c run in double precision.
# They run in the project's root.

file(GLOB test_sources CONFIGURE_DEPENDS tests/*/*_test.c)
foreach(source IN LISTS test_sources)
    cmake_path(GET source STEM thing)
    cmake_path(GET source PARENT_PATH folder)
    cmake_path(GET folder FILENAME folder)
    string(REGEX REPLACE "_test$" "" thing ${thing})
    set(program test_${folder}_${thing})
    add_executable(${program} ${source})
    target_include_directories(${program} PRIVATE tests)
    if(thing MATCHES "_double$")
        target_link_libraries(${program} PRIVATE rondo_double PkgConfig::CMOCKA)
    else()
        target_link_libraries(${program} PRIVATE rondo_ext rondo_core PkgConfig::CMOCKA)
    endif()
    set_target_properties(${program} PROPERTIES
        RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/tests)
    add_test(NAME ${folder}/${thing} COMMAND ${program} WORKING_DIRECTORY ${PROJECT_SOURCE_DIR})
endforeach()

# Programs of tests/slow run for minutes: they are built, and run by a target of the Makefile.
file(GLOB slow_sources CONFIGURE_DEPENDS tests/slow/*.c)
foreach(source IN LISTS slow_sources)
    cmake_path(GET source STEM thing)
    add_executable(slow_${thing} ${source})
    target_include_directories(slow_${thing} PRIVATE tests)
    target_link_libraries(slow_${thing} PRIVATE rondo_core)
    set_target_properties(slow_${thing} PROPERTIES
        RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/tests)
endforeach()

# The program that writes docs/REFERENCE.md, and the check that it has.
add_executable(reference tools/reference.c)
target_link_libraries(reference PRIVATE rondo_double)
set_target_properties(reference PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/tests)

# Examples use what is shipped, as their readers will.
file(GLOB example_sources CONFIGURE_DEPENDS examples/*.c)
foreach(source IN LISTS example_sources)
    cmake_path(GET source STEM thing)
    add_executable(example_${thing} ${source})
    target_link_libraries(example_${thing} PRIVATE rondo_static)
endforeach()

if(TARGET rondo AND EXISTS ${PROJECT_SOURCE_DIR}/tests/cli/run)
    add_test(NAME cli COMMAND tests/cli/run WORKING_DIRECTORY ${PROJECT_SOURCE_DIR})
    set_property(TEST cli PROPERTY ENVIRONMENT RONDO=$<TARGET_FILE:rondo>)
endif()
foreach(check check-includes check-format check-exports check-reference)
    add_test(NAME ${check} COMMAND tools/${check} WORKING_DIRECTORY ${PROJECT_SOURCE_DIR})
    set_property(TEST ${check} PROPERTY SKIP_RETURN_CODE 77)
endforeach()
set_property(TEST check-exports PROPERTY ENVIRONMENT
    SHARED=$<TARGET_FILE:rondo_shared> ARCHIVE=$<TARGET_FILE:rondo_static>)
set_property(TEST check-reference PROPERTY ENVIRONMENT REFERENCE=$<TARGET_FILE:reference>)
