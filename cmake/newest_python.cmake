# NEWEST_PYTHON: the newest minor version whose instructions core/layout/opcodes.inc has, for what tells the range of versions to users.
set(OPCODES_FILE ${PROJECT_SOURCE_DIR}/core/layout/opcodes.inc)
set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${OPCODES_FILE})
file(STRINGS ${OPCODES_FILE} known REGEX " bytecode_3_[0-9]+ = ")
list(TRANSFORM known REPLACE ".* bytecode_3_([0-9]+) = .*" "\\1")
list(SORT known COMPARE NATURAL ORDER DESCENDING)
list(GET known 0 newest)
set(NEWEST_PYTHON 3.${newest})
