# What one signs in with.
authenticators-title = My authenticators
authenticators-lead = With these you show that it is you, beside your password.
authenticators-none = You have none. Add one, so that nobody can sign in with your password alone.
authenticators-add-title = Add an authenticator
authenticators-add-lead = What would you like to add? The strongest comes first.
authenticators-manage = Change, test or remove
authenticators-never = Never
authenticators-fact-kind = Kind
authenticators-fact-added = Added
authenticators-fact-used = Last used
authenticators-kind-app = Phone
authenticators-kind-passkey = Passkey
authenticators-kind-totp = Codes by time
authenticators-kind-hotp = Codes by button
authenticators-kind-serial = { $kind }, serial number { $serial }
authenticators-preferred = Asked first
authenticators-preferred-lead = What should we ask you for first when you sign in?
authenticators-copy = Copy
authenticators-copied = Copied
authenticators-print = Print

# Names.
authenticators-label = Name
authenticators-label-hint = So that you know it again, such as “my phone”. You may leave it empty.
authenticators-label-empty = Give it a name.
authenticators-label-long = The name is too long: it may have 60 characters.
authenticators-label-hidden = The name holds characters that cannot be seen. Please type it anew.

# An authenticator app.
authenticators-totp-title = Authenticator app
authenticators-totp-lead = You need an authenticator app on your phone. If you have none, install one first.
authenticators-totp-label-usual = Authenticator app
authenticators-totp-open = Open your authenticator app and choose to add an account.
authenticators-totp-scan = Scan this picture with it:
authenticators-totp-picture = QR code for your authenticator app
authenticators-totp-here = Open it in the app on this device
authenticators-totp-type = Or type this key into the app:
authenticators-totp-account = The app will call the account { $account }.
authenticators-totp-code = The code that the app shows now
authenticators-totp-code-hint = Six digits. Spaces do not matter.
authenticators-totp-prove = Check and add
authenticators-totp-wrong = That is not the code the app should show. Check that the clock of your phone is right, wait for the next code, and type that one.
authenticators-totp-called = Name: { $label }. It counts only once a code was right; until then nothing has changed.
authenticators-totp-discard = Drop this and begin anew

# A hardware token.
authenticators-token-title = Hardware token
authenticators-token-lead = Show that the token is in your hands: give its serial number and two codes, one after the other.
authenticators-token-serial = Serial number
authenticators-token-serial-hint = It is printed on the back of the token.
authenticators-token-label-usual = Hardware token
authenticators-token-claim = Check and add
authenticators-token-malformed = A code has six to eight digits. Type both codes as the token shows them.
authenticators-token-no-match = No free token of this serial number shows these two codes one after the other. Check the number, and give two codes that follow each other.
authenticators-first-code = First code
authenticators-second-code = The code after it
authenticators-second-code-hint = Wait until the token shows another code, or press its button again.

# What can be wrong with codes.
authenticators-code-length = The code has { $count } digits.
authenticators-code-digits = A code has digits only.
authenticators-code-wrong = This code is not right.
authenticators-code-used = This code was right and has been used before. Wait for the next one.
authenticators-code-drifted = This code is not right now, but it would be a few minutes earlier or later: the clock has drifted. Find it again below, with two codes.
authenticators-wait = { $count ->
    [one] There were too many wrong codes. In one minute you can try again.
   *[other] There were too many wrong codes. In { $count } minutes you can try again.
}
authenticators-too-many-pending = You have begun three times and finished none. Drop one of them first.

# One of them.
authenticators-one-title = Authenticator
authenticators-rename = Rename
authenticators-test = Test
authenticators-test-lead = Type a code that it shows now. You learn whether it is right; you are not signed in by it, and the code is used up.
authenticators-test-button = Test
authenticators-resync = Find it again
authenticators-resync-lead = If its codes are always refused, it has drifted away. Two codes, one after the other, show where it is.
authenticators-resync-button = Find it
authenticators-remove-title = Remove
authenticators-remove-ask = Do you want to remove { $label }? You cannot sign in with it any more then.
authenticators-remove-last = It is the last one you have. Without it you cannot get in where a second step is needed; only a recovery code or your help desk will let you in then.
authenticators-remove-last-yes = I understand. Remove it all the same.
authenticators-remove-tick = It is the last one you have. Tick the box if you want to remove it all the same.

# A phone with the app.
authenticators-app-title = Phone with the app
authenticators-app-lead = You get a code that connects one phone with your account. It serves once, for ten minutes.
authenticators-app-make = Make a code
authenticators-app-scan = Scan this picture with your phone:
authenticators-app-picture = QR code that connects your phone
authenticators-app-here = Open it on this device
authenticators-app-type = Or type this code into the app:
authenticators-app-until = The code serves until { $until } UTC. It is shown only now.
authenticators-app-look = Has it worked?
authenticators-app-cancel = Withdraw the code
authenticators-app-waiting = The code waits for your phone.
authenticators-app-used = Your phone is connected.
authenticators-app-expired = The code was not used in time. Make another one.
authenticators-app-cancelled = The code was withdrawn.
authenticators-app-too-many = You have { $count } phones already, which is as many as you may have. Remove one first.

# Recovery codes.
authenticators-codes-title = Recovery codes
authenticators-codes-why = Recovery codes let you in on the day your phone is lost. Each of the ten codes serves once. Keep them apart from your phone, on paper or in a password manager.
authenticators-codes-left = { $count ->
    [0] You have no recovery codes left.
    [one] You have one recovery code left.
   *[other] You have { $count } recovery codes left.
}
authenticators-codes-low = Make new recovery codes while you still can sign in.
authenticators-codes-link = Look after my recovery codes
authenticators-codes-used = Used
authenticators-codes-void = New codes make the old ones void at once.
authenticators-codes-make = Show me new codes
authenticators-codes-skip = Go on without
authenticators-codes-once = These codes are shown only now. Keep them before you go on.
authenticators-codes-how = To use one, type it where a code is asked for.
authenticators-codes-download = Download
authenticators-codes-kept = I have kept them
authenticators-codes-file = Recovery codes. Each serves once. Keep this file where nobody else can read it.

# What has just been done.
authenticators-done-added = It is added.
authenticators-done-renamed = It has its new name.
authenticators-done-removed = It is removed.
authenticators-done-preferred = You are asked for it first from now on.
authenticators-done-right = The code was right.
authenticators-done-found = It is found again; its codes are right from now on.
authenticators-done-gone = What you began was left for too long. Please begin anew.
