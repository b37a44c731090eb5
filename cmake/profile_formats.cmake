# Reads core/include/spprof/profile_formats.def for the files that know its formats and are not C: completions and the manual.
#   FORMAT_NAMES           table collapsed ...
#   FORMAT_NAMES_MDOC      ".Cm table , collapsed" and so on
#   FORMAT_ENDINGS_MDOC    ".Pa .txt", "and", ".Pa .folded", "collapsed stacks,", and so on
set(FORMATS_FILE ${PROJECT_SOURCE_DIR}/core/include/spprof/profile_formats.def)
set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${FORMATS_FILE})
file(STRINGS ${FORMATS_FILE} lines REGEX "^FORMAT\\(")

set(names)
set(described)
foreach(line IN LISTS lines)
  if(NOT line MATCHES "^FORMAT\\([A-Z0-9]+, ([a-z0-9]+), (true|false), \"([^\"]+)\", (.*)\\)$")
    message(FATAL_ERROR "${FORMATS_FILE}: not understood: ${line}")
  endif()
  list(APPEND names ${CMAKE_MATCH_1})
  set(meaning ${CMAKE_MATCH_3})
  if(NOT CMAKE_MATCH_4 STREQUAL "NULL")
    string(REGEX REPLACE "\", \"" "\nand\n.Pa " endings ${CMAKE_MATCH_4})
    string(REPLACE "\"" "" endings ${endings})
    list(APPEND described ".Pa ${endings}\n${meaning}")
  endif()
endforeach()

string(REPLACE ";" " " FORMAT_NAMES "${names}")
list(POP_BACK names last)
string(REPLACE ";" " , " FORMAT_NAMES_MDOC "${names}")
set(FORMAT_NAMES_MDOC ".Cm ${FORMAT_NAMES_MDOC}\nor\n.Cm ${last} .")
string(REPLACE ";" ",\n" FORMAT_ENDINGS_MDOC "${described}")
set(FORMAT_ENDINGS_MDOC "${FORMAT_ENDINGS_MDOC}.")
