# Everything a newcomer needs: make demo, make check. CMake does the building; these rules install what it needs and call it.
BUILD ?= build
PREFIX ?= /usr/local

.PHONY: all demo check install clean

all:
	cmake -S . -B $(BUILD) -G Ninja
	cmake --build $(BUILD)

demo:
	tools/install-dependencies build
	$(MAKE) --no-print-directory all
	tools/demo $(BUILD)

check:
	tools/install-dependencies build test
	tests/check $(BUILD)

install: all
	cmake --install $(BUILD) --prefix $(PREFIX)

clean:
	rm -rf $(BUILD) $(BUILD)-sanitize $(BUILD)-aarch64
