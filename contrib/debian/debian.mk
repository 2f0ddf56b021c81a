# make deb: a package for Debian and its kin, in $(BUILD)/deb/. It is built
# from the tarball of `make dist`, with contrib/debian as debian/; needs the
# packages debhelper and fakeroot and those of debian/control's Build-Depends.

DEB = $(BUILD)/deb
DEB_VERSION = $(shell sed -n '1s/.*(\(.*\)-[^-]*).*/\1/p' contrib/debian/changelog)

deb: dist
	$(Q)test '$(DEB_VERSION)' = '$(VERSION)' || { echo "contrib/debian/changelog \
	is about $(DEB_VERSION), not $(VERSION)" >&2; exit 1; }
	$(Q)rm -rf $(DEB) && mkdir -p $(DEB)
	$(Q)cp $(BUILD)/$(DIST).tar.gz $(DEB)/whybounced_$(VERSION).orig.tar.gz
	$(Q)tar -xzf $(BUILD)/$(DIST).tar.gz -C $(DEB)
	$(Q)cp -R $(DEB)/$(DIST)/contrib/debian $(DEB)/$(DIST)/debian
	$(Q)cd $(DEB)/$(DIST) && env -u MAKEFLAGS -u MAKEOVERRIDES -u MFLAGS \
	    -u MAKELEVEL dpkg-buildpackage -us -uc -b
	$(call SAY,DEB,$(DEB)/whybounced_$(VERSION)-*.deb)

.PHONY: deb
