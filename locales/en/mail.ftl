# What every mail has.
mail-greeting = Hello { $name },
mail-greeting-nobody = Hello,
mail-when = When
mail-time = { $day } { $month } { $year }, { $time } ({ $offset })
mail-client = Where
mail-address = From the address
mail-by = By
mail-by-person = You, or somebody who signed in as you
mail-by-administrator = An administrator
mail-by-appliance = Nobody: it happened by itself
mail-factor = Way to sign in
mail-until = Until
mail-not-you = If you know nothing of this, somebody may know your password. Open this page, then change your password and call your help desk:
mail-not-you-action = This wasn’t me
mail-last = This is the last message of today: more may have happened since. The page shows everything.
mail-link = If the button does nothing, copy this address into your browser:
mail-automatic = Sent automatically by { $host }. We never ask for a password or a code by mail.

# Ways to sign in, by the names that the command line has for them.
mail-factor-app = App on a phone
mail-factor-totp = Authenticator app (codes)
mail-factor-hotp = Token that shows codes
mail-factor-recovery-code = Recovery code
mail-factor-bypass = One-time permission
mail-factor-passkey = Passkey

# Months, as they stand in a date.
mail-month-1 = January
mail-month-2 = February
mail-month-3 = March
mail-month-4 = April
mail-month-5 = May
mail-month-6 = June
mail-month-7 = July
mail-month-8 = August
mail-month-9 = September
mail-month-10 = October
mail-month-11 = November
mail-month-12 = December

# One subject and one text for each kind of mail.
mail-invited-subject = Set up your second sign-in step
mail-invited-text = Your organisation asks for a second step when you sign in. Setting it up takes about two minutes; have your phone at hand.
mail-invited-action = Set it up
mail-invited-advice = The link is for you alone and works once. Do not pass this message on.
mail-enrolled-subject = Your second sign-in step is set up
mail-enrolled-text = From now on we ask for it when you sign in.
mail-authenticator-added-subject = A way to sign in was added to your account
mail-authenticator-added-text = It can be used to sign in as you from now on.
mail-authenticator-removed-subject = A way to sign in was removed from your account
mail-authenticator-removed-text = It can no longer be used to sign in.
mail-factors-reset-subject = All ways to sign in were removed from your account
mail-factors-reset-text = You have to set up your second sign-in step anew.
mail-recovery-code-used-subject = A recovery code of yours was used
mail-recovery-code-used-text = { $count ->
    [0] It was the last one. Make new ones soon.
    [one] One is left. Make new ones soon.
   *[other] { $count } are left.
    }
mail-recovery-codes-made-subject = You have new recovery codes
mail-recovery-codes-made-text = There are { $count }. The old ones no longer work.
mail-bypass-started-subject = You may sign in once without a second step
mail-bypass-started-text = Your password is enough, once, until the time below.
mail-sign-in-reported-subject = Your account is blocked
mail-sign-in-reported-text = A sign-in was reported as not yours, so nobody can sign in as you now. Your help desk opens the account again.
mail-password-changed-subject = Your password was changed
mail-password-changed-text = The old one no longer works.
mail-locked-out-subject = Too many wrong codes: your account is locked
mail-locked-out-text = It opens by itself at the time below.
mail-locked-out-for-good = It stays so until your help desk opens it.
mail-test-subject = A test
mail-test-text = If you can read this, mail works.
