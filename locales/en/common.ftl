# What every page has.
common-product = Vestibule
common-skip = Skip to the content
common-language = Language
common-sign-out = Sign out
common-signed-in-as = Signed in as { $name }
common-home = Home
common-back = Back
common-continue = Continue
common-cancel = Cancel
common-save = Save
common-remove = Remove
common-menu = Main menu
common-problem = There is a problem
common-code-label = Code
common-sign-in-id = If you ask for help, give this number: { $id }
common-try-again = Try again
common-only-javascript = This needs JavaScript, which is switched off in this browser.

# Pages for what went wrong.
common-not-found-title = There is no such page
common-not-found = The address may be mistyped, or the page is gone.
common-stale-title = This page was open for too long
common-stale = Nothing was changed. Go back, load the page again, and repeat what you did.
common-foreign-title = This did not come from our own page
common-foreign = For your safety nothing was changed. Open the page again and repeat what you did.
common-too-large-title = That is too much at once
common-too-large = The page sent more than we accept. Nothing was changed.
common-busy-title = We cannot answer right now
common-busy = A part that we need does not answer. Nothing was changed and nothing counts against you. Please try again in a minute.
common-host-title = This is not the right address
common-host = Please use the address that your organisation gave you: { $url }
common-forbidden-title = This is switched off
common-forbidden = Your organisation does not offer this here.
