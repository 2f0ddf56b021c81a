# make dist: whybounced-VERSION.tar.gz from the files that git tracks, as they
# are now; from an unpacked tarball, from all files but those that were made.
# The same files at the same commit give the same bytes.

DIST = whybounced-$(VERSION)
DIST_GIT = git -c safe.directory='*'
DIST_FILES = if test -e .git; then $(DIST_GIT) ls-files -z; else find . \
    \( -path './$(BUILD)' -o -path ./build -o -path ./autom4te.cache \
    -o -name __pycache__ \) -prune -o -type f ! -name '*.o' \
    ! -path ./config.mk ! -path ./src/config.mk ! -path ./configure \
    ! -path './config.*' -printf '%P\0'; fi
DIST_TIME = $${SOURCE_DATE_EPOCH:-$$(if test -e .git; then \
    $(DIST_GIT) log -1 --format=%ct; else stat -c %Y Makefile; fi)}

dist: $(BUILD)/$(DIST).tar.gz

$(BUILD)/$(DIST).tar.gz: FORCE
	@mkdir -p $(@D)
	$(Q)$(DIST_FILES) > $@.files
	$(Q)time=$(DIST_TIME) && LC_ALL=C sort -z $@.files | tar -c \
	    --null --no-recursion --verbatim-files-from -T - \
	    --format=ustar --mtime=@$$time --mode=go=rX,u+rw \
	    --owner=root:0 --group=root:0 \
	    --transform='s,^,$(DIST)/,' > $@.tar
	$(Q)gzip -9n < $@.tar > $@
	$(Q)rm $@.files $@.tar
	$(call SAY,DIST,$@)

.PHONY: dist
