# The pointwise mathematics of the cells, compiled once more for each ISA that has wider vectors.
# Everything in src/cell that holds a row of its own is a cell; nothing has to be named here.

file(GLOB cells CONFIGURE_DEPENDS src/cell/*.c)
list(FILTER cells EXCLUDE REGEX "/(activation|cell|learned|parameters|table)\\.c$")
set_source_files_properties(${cells} PROPERTIES COMPILE_OPTIONS -O3)

set(cell_avx2 -O3 -mavx2)
set(cell_avx512 -O3 -mavx512f -mavx512vl -mavx512dq -mavx512bw -mprefer-vector-width=512)
if(CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64|AMD64")
    foreach(isa avx2 avx512)
        foreach(cell ${cells})
            get_filename_component(name ${cell} NAME_WE)
            set(copy ${PROJECT_BINARY_DIR}/cells/${name}_${isa}.c)
            file(CONFIGURE OUTPUT ${copy} CONTENT "#define CELL_ISA ${isa}
#ifndef RONDO_DOUBLE /* the oracle runs the plain one */
#include \"cell/${name}.c\"
#else
typedef int nothing;
#endif
")
            set_source_files_properties(${copy} PROPERTIES COMPILE_OPTIONS "${cell_${isa}}")
            list(APPEND library_sources ${copy})
        endforeach()
    endforeach()
endif()
