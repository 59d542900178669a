# The front door; CMakeLists.txt knows how.  `make help` says what there is.
BUILD = build
PREFIX = /usr/local
JOBS = $(shell nproc 2>/dev/null || echo 2)

.PHONY: all deps demo test check-asan check-ubsan check-tsan check-fuzz check-tokenizers check-kill check-ulp check-bf16 bench-peers \
	bench reference format install clean help

all: # the program and the libraries, into build/
	@tools/install-deps --check
	@cmake -S . -B $(BUILD) -DRONDO_TESTS=OFF -DCMAKE_INSTALL_PREFIX=$(PREFIX) --log-level=WARNING
	@cmake --build $(BUILD) -j$(JOBS) -- --no-print-directory

deps: # installs what building and testing need and this machine lacks
	@tools/install-deps

demo: deps # builds, then trains, evaluates and uses the tutorial's network: a minute
	@$(MAKE) --no-print-directory all
	@sh examples/demo.sh

test: deps # builds and runs every test
	@tools/run-tests $(BUILD)/test -DRONDO_WERROR=ON

check-asan: deps # the tests under AddressSanitizer
	@tools/run-tests $(BUILD)/asan -DRONDO_SANITIZE=address

check-ubsan: deps # the tests under UndefinedBehaviorSanitizer
	@tools/run-tests $(BUILD)/ubsan -DRONDO_SANITIZE=undefined

check-tsan: deps # the tests under ThreadSanitizer
	@tools/run-tests $(BUILD)/tsan -DRONDO_SANITIZE=thread

check-fuzz: check-asan # thousands of spoilt inputs for every reader of files and specs
	@$(BUILD)/asan/tests/test_fuzz_mutation all 20000

TOKENIZER_DATA = ../shared/data
check-tokenizers: all # our token ids and those of the Python package tokenizers, over every text of a folder: 20 minutes
	@python=build/golden/bin/python; [ -x $$python ] || python=python3; \
		$$python -B tools/check-tokenizers --rondo $(BUILD)/rondo $(TOKENIZER_DATA) || [ $$? -eq 77 ]

check-kill: all # training killed at 20 random moments ends in the same bits, 20 times
	@RONDO=$(CURDIR)/$(BUILD)/rondo KILL_ROUNDS=20 tests/cli/run kill

ULP_STRIDE = 1
check-ulp: # every activation over all 2^32 floats (or every ULP_STRIDE-th): the table of errors
	@cmake -S . -B $(BUILD)/test -DRONDO_TESTS=ON --log-level=WARNING
	@cmake --build $(BUILD)/test -j$(JOBS) --target slow_activation_ulp -- --no-print-directory
	@$(BUILD)/test/tests/slow_activation_ulp $(ULP_STRIDE)

BF16_DATA = ../shared/data
check-bf16: # losses of training with bf16 products beside those of f32, five seeds each: 2 minutes of MNIST, 20 of PTB
	@cmake -S . -B $(BUILD)/test -DRONDO_TESTS=ON --log-level=WARNING
	@cmake --build $(BUILD)/test -j$(JOBS) --target slow_bf16_training -- --no-print-directory
	@$(BUILD)/test/tests/slow_bf16_training mnist $(BF16_DATA)/seqclass/mnist || [ $$? -eq 77 ]
	@$(BUILD)/test/tests/slow_bf16_training ptb $(BF16_DATA)/lm/ptb || [ $$? -eq 77 ]

bench-peers: # installs what `make bench` compares with: oneDNN, PyTorch, ONNX Runtime, Keras (gigabytes)
	@bench/install

bench: all # Rondo and its peers, pair by pair, into docs/PERFORMANCE.md: under 20 minutes; BENCH_QUICK=1: 6
	@python3 bench/run.py --rondo $(BUILD)/rondo $(if $(BENCH_QUICK),--quick)

reference: # docs/REFERENCE.md and its plots, from the tables of activations, cells and layers
	@cmake -S . -B $(BUILD)/test -DRONDO_TESTS=ON --log-level=WARNING
	@cmake --build $(BUILD)/test -j$(JOBS) --target reference -- --no-print-directory
	@$(BUILD)/test/tests/reference docs

format: # clang-format over the sources
	@tools/check-format -i

install: all # into $(DESTDIR)$(PREFIX)
	@cmake --install $(BUILD)

clean: # removes build/
	@rm -rf $(BUILD)

help: # this list
	@sed -n 's/^\([a-z-]*\):[^#]*# /  make \1\t/p' Makefile | expand -t 20
