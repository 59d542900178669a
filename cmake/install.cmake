# What `make install` puts where; DESTDIR and CMAKE_INSTALL_PREFIX work as usual.
include(CMakePackageConfigHelpers)

set(config_folder ${CMAKE_INSTALL_LIBDIR}/cmake/rondo)
install(TARGETS rondo_shared rondo_static rondo_double_static EXPORT rondoTargets)
set_target_properties(rondo_shared PROPERTIES EXPORT_NAME rondo)
set_target_properties(rondo_static PROPERTIES EXPORT_NAME static)
set_target_properties(rondo_double_static PROPERTIES EXPORT_NAME double)
install(EXPORT rondoTargets NAMESPACE rondo:: DESTINATION ${config_folder})
install(FILES include/rondo.h include/rondo_task.h include/rondo_insight.h DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
if(TARGET rondo)
    install(TARGETS rondo)
endif()
if(EXISTS ${PROJECT_SOURCE_DIR}/docs/man)
    install(DIRECTORY docs/man/ DESTINATION ${CMAKE_INSTALL_MANDIR}/man1 FILES_MATCHING PATTERN *.1)
endif()

configure_file(cmake/rondo.pc.in rondo.pc @ONLY)
install(FILES ${PROJECT_BINARY_DIR}/rondo.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
configure_file(cmake/rondoConfig.cmake.in rondoConfig.cmake @ONLY)
write_basic_package_version_file(rondoConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/rondoConfig.cmake ${PROJECT_BINARY_DIR}/rondoConfigVersion.cmake
    DESTINATION ${config_folder})
