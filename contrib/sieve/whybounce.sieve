# whybounce.sieve - Dovecot: explain bounces (see 95-whybounce.conf)
#
# If whybounce is missing or fails, the mail is delivered as it was. The
# filters stand in an `if` for that: one that fails as a command ends all
# scripts, those of the user too.
require ["envelope", "vnd.dovecot.filter"];

# Mail from nobody or from a mail system; all other mail starts no program.
if envelope :is "from" "" {
	if filter "whybounce" ["filter", "-f", ""] { }
} elsif envelope :localpart :is "from" ["mailer-daemon", "postmaster"] {
	if filter "whybounce" ["filter"] { }
}
