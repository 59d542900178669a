# Modules with dependencies of their own: each is built where its library is, for the program and the tests.
pkg_check_modules(PCRE2 IMPORTED_TARGET libpcre2-8)

add_library(rondo_ext STATIC ext/ext.c)
target_include_directories(rondo_ext PUBLIC ${PROJECT_SOURCE_DIR} include)
if(PCRE2_FOUND)
    target_sources(rondo_ext PRIVATE ext/pcre2/pcre2.c)
    target_compile_definitions(rondo_ext PUBLIC RONDO_WITH_PCRE2)
    target_link_libraries(rondo_ext PRIVATE PkgConfig::PCRE2)
endif()
