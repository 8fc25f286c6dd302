# make figures draws the gallery of docs/figure.md from logs in samples/ and docs/figures/.

FIGURES := docs/figures
FIGURE_GTL := $(patsubst %,$(B)/figures/%.gtl,convoy battle alternation countdown holder)

$(B)/figures/convoy.gtl: samples/convoy-py311.gillog
$(B)/figures/battle.gtl: $(FIGURES)/battle-py27.gillog
$(B)/figures/alternation.gtl: $(FIGURES)/countdown2-py311.perf.zst
$(B)/figures/countdown.gtl: $(FIGURES)/countdown-py311.gillog
$(B)/figures/holder.gtl: $(FIGURES)/holder-py311.gillog

$(FIGURE_GTL): $(BIN)
	$(Q)mkdir -p $(@D)
	$(Q)$(BIN) ingest -f -o $@ $(filter-out $(BIN),$^)

.PHONY: figures
figures: $(FIGURE_GTL)
	$(Q)$(BIN) figure -f --scale 1 --caption --from 42ms --to 75ms --title 'The convoy: an echo server against one spinning thread' \
		--note '46ms:echo server:every recv waits one switch interval' --note '58ms:spinner 1:the spinner loses the lock for microseconds' \
		--threads 'spinner 1,echo server' -o $(FIGURES)/convoy.png $(B)/figures/convoy.gtl
	$(Q)$(BIN) figure -f --scale 1 --from 9.2ms --to 10.8ms --caption --theme dark --title 'The battle: two threads that count down, Python 2.7 on two CPUs' \
		--note '10.5ms:countdown 2:RETRY: woken, and the lock is taken again' -o $(FIGURES)/battle.png $(B)/figures/battle.gtl
	$(Q)$(BIN) figure -f --scale 1 --from 60ms --to 120ms --theme print --threads 11017,11018 \
		--title 'Taking turns: two threads that count down, Python 3.11' -o $(FIGURES)/alternation.png $(B)/figures/alternation.gtl
	$(Q)$(BIN) figure -f --scale 1 --caption --title 'A C call that holds the GIL' \
		--note '155ms:crunch\: sum():sum(range(2500000)) never lets go' -o $(FIGURES)/holder.png $(B)/figures/holder.gtl
	$(Q)$(BIN) figure -f --scale 1 --lane-height 30 --title 'Two threads that count down: Python 2.7 and 3.11, each on its own axis' --axis own --from 0 \
		-o $(FIGURES)/stacked.png $(B)/figures/battle.gtl $(B)/figures/countdown.gtl
