# The libraries and the program.

file(GLOB library_sources CONFIGURE_DEPENDS src/*.c src/*/*.c)
file(GLOB kernel_sources CONFIGURE_DEPENDS src/kernel/*.c)
set_source_files_properties(${kernel_sources} PROPERTIES COMPILE_OPTIONS -O3)
include(cmake/cells.cmake)

# What everything of ours is compiled against and linked with.
add_library(rondo_needs INTERFACE)
target_include_directories(rondo_needs INTERFACE src include)
target_link_libraries(rondo_needs INTERFACE PkgConfig::JANSSON PkgConfig::ZLIB PkgConfig::UTF8PROC
    Threads::Threads m)

add_library(rondo_objects OBJECT ${library_sources})
target_link_libraries(rondo_objects PRIVATE rondo_needs)
add_library(rondo_double_objects OBJECT ${library_sources})
target_link_libraries(rondo_double_objects PRIVATE rondo_needs)
target_compile_definitions(rondo_double_objects PRIVATE RONDO_DOUBLE)

# One relocatable object of many, its names made local as objcopy is told.
function(one_object output objects)
    cmake_parse_arguments(PARSE_ARGV 2 "" "" "" "ALSO;OBJCOPY")
    add_custom_command(OUTPUT ${output}
        COMMAND ${CMAKE_LINKER} -r -o ${output} $<TARGET_OBJECTS:${objects}> ${_ALSO}
        COMMAND ${CMAKE_OBJCOPY} ${_OBJCOPY} ${output}
        DEPENDS ${objects} $<TARGET_OBJECTS:${objects}> ${_ALSO}
        COMMAND_EXPAND_LISTS VERBATIM)
    set_source_files_properties(${output} PROPERTIES EXTERNAL_OBJECT ON GENERATED ON)
endfunction()

# An archive to ship, of such an object: its users may have names of their own like ours.
function(shipped_archive target name object)
    add_library(${target} STATIC ${object})
    set_target_properties(${target} PROPERTIES OUTPUT_NAME ${name} LINKER_LANGUAGE C)
    target_include_directories(${target} INTERFACE
        $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/include> $<INSTALL_INTERFACE:include>)
    target_link_libraries(${target} INTERFACE jansson z utf8proc Threads::Threads m)
endfunction()

set(double_object ${PROJECT_BINARY_DIR}/rondo_inside.o)
one_object(${double_object} rondo_double_objects OBJCOPY --keep-global-symbol=rondo_double_entry)
add_custom_target(rondo_inside_object DEPENDS ${double_object})
one_object(${PROJECT_BINARY_DIR}/rondo.o rondo_objects
    ALSO ${double_object} OBJCOPY --localize-hidden)
one_object(${PROJECT_BINARY_DIR}/rondo_double.o rondo_double_objects OBJCOPY --localize-hidden)

# For our tests: every internal name is there.
add_library(rondo_inside STATIC ${double_object})
set_target_properties(rondo_inside PROPERTIES LINKER_LANGUAGE C)
add_dependencies(rondo_inside rondo_inside_object)
add_library(rondo_core STATIC $<TARGET_OBJECTS:rondo_objects>)
target_link_libraries(rondo_core PUBLIC rondo_inside rondo_needs)
add_library(rondo_double STATIC $<TARGET_OBJECTS:rondo_double_objects>)
set_target_properties(rondo_double PROPERTIES OUTPUT_NAME rondo_double_core)
target_link_libraries(rondo_double PUBLIC rondo_needs)
target_compile_definitions(rondo_double PUBLIC RONDO_DOUBLE)

# For the world: librondo.a, librondo.so, librondo_double.a.
shipped_archive(rondo_static rondo ${PROJECT_BINARY_DIR}/rondo.o)
shipped_archive(rondo_double_static rondo_double ${PROJECT_BINARY_DIR}/rondo_double.o)
target_compile_definitions(rondo_double_static INTERFACE RONDO_DOUBLE)
add_dependencies(rondo_static rondo_inside_object)
add_library(rondo_shared SHARED $<TARGET_OBJECTS:rondo_objects> ${double_object})
add_dependencies(rondo_shared rondo_inside_object)
set_target_properties(rondo_shared PROPERTIES
    OUTPUT_NAME rondo VERSION ${PROJECT_VERSION} SOVERSION ${PROJECT_VERSION_MAJOR} LINKER_LANGUAGE C)
target_include_directories(rondo_shared INTERFACE $<INSTALL_INTERFACE:include>)
target_link_libraries(rondo_shared PRIVATE rondo_needs)

file(GLOB program_sources CONFIGURE_DEPENDS cli/*.c)
if(program_sources)
    add_executable(rondo ${program_sources})
    target_include_directories(rondo PRIVATE cli)
    target_link_libraries(rondo PRIVATE rondo_ext rondo_static PkgConfig::YAML)
endif()
