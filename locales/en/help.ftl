# The overview.
help-security-title = Security
help-security-lead = See what happened to your account, and be ready for the day your phone is lost.
help-history-title = What happened
help-history-about = Sign-ins, requests to your phone, and changes
help-sessions-title = Where you are signed in
help-sessions-about = Browsers that are signed in to this portal
help-bypass-title = One-time bypass
help-bypass-about = Let yourself in once without your second factor
help-language-title = Language
help-language-about = The language of these pages and of our mail
help-phones-title = Phone numbers
help-phones-about = The numbers that your organisation has of you
help-questions-title = Security questions
help-questions-about = For the day you have nothing else to sign in with
help-new-phone-title = Move to a new phone
help-new-phone-about = Step by step, while you still have the old one

# The history.
help-history-lead = The newest comes first. Times are in UTC. If something was not you, say so.
help-history-empty = Nothing is on record yet.
help-history-older = Older
help-history-newest = Back to the newest
help-history-pages = Pages of the history
help-column-time = Time
help-column-what = What
help-column-to = Where to
help-column-from = From
help-column-do = Not you?
help-was-not-me = This wasn’t me
help-client-portal = This portal
help-place-same = The same address as now ({ $address })
help-place-trusted = A trusted network ({ $address })
help-place-unknown = Not known
help-by-administrator = by an administrator

# What can happen.
help-what-granted = Signed in
help-what-denied = Sign-in refused
help-what-prompt-sent = Asked on your phone
help-what-prompt-answered = Answered on your phone
help-what-locked-out = Locked out after too many failures
help-what-enrolled = A way to sign in was added
help-what-enrolment = Let in to set up a first way to sign in
help-what-enrolment-begun = A way to sign in was begun
help-what-authenticator-renamed = A way to sign in was renamed
help-what-authenticator-removed = A way to sign in was removed
help-what-authenticator-tested = A way to sign in was tried out
help-what-codes-throttled = Too many wrong codes
help-what-activation-made = A code for a new phone was made
help-what-activation-cancelled = A code for a new phone was taken back
help-what-activation-used = A new phone was connected
help-what-activation-reused = A code for a new phone was used a second time
help-what-enrolment-link-made = A link to set up a way to sign in was sent
help-what-enrolment-link-used = A link to set up a way to sign in was used
help-what-factor-preferred = What is asked for first was chosen
help-what-token-claimed = A hardware token was taken into use
help-what-user-removed = The account was removed
help-what-recovery-codes-made = New recovery codes were made
help-what-resynchronised = A token was set right again
help-what-bypass-granted = A one-time bypass began
help-what-bypass-ended = A one-time bypass was taken back
help-what-fraud-reported = “This wasn’t me” was reported
help-what-security-questions-set = Security questions were set
help-what-security-questions-removed = Security questions were removed
help-what-security-questions-answered = Security questions were answered
help-what-language-chosen = The language was chosen
help-what-sessions-ended = Browsers were signed out
help-what-password-changed = The password was changed
help-what-user-imported = The account was taken in
help-what-phone-set = A phone number was set
help-what-user-enabled = The account was enabled
help-what-user-disabled = The account was disabled
help-what-user-blocked = The account was blocked
help-what-user-unlocked = The account was opened again
help-what-user-reset = All ways to sign in were taken away
help-what-other = Something else: { $event }

# What an outcome rests on.
help-reason-app = approved on the phone
help-reason-passkey = passkey
help-reason-totp = code from an app
help-reason-hotp = code from a token
help-reason-recovery-code = recovery code
help-reason-bypass = one-time bypass
help-reason-grace = again within moments
help-reason-service-account = service account
help-reason-trusted-network = from a trusted network
help-reason-not-enrolled = without a second factor
help-reason-first-enrolment = by the password alone
help-reason-wrong-passkey = the passkey was not right
help-reason-copied-passkey = the passkey may have been copied
help-reason-wrong-password = wrong password
help-reason-password-expired = the password has expired
help-reason-not-one-entry = the name was not clear
help-reason-unknown-user = unknown account
help-reason-no-factor = no second factor that is taken there
help-reason-must-enrol = a second factor has to be set up first
help-reason-disabled = the account was disabled
help-reason-disabled-in-directory = the account was disabled in the directory
help-reason-expired-in-directory = the account has expired in the directory
help-reason-blocked = the account was blocked
help-reason-locked-out = locked out
help-reason-missing-code = no code was given
help-reason-wrong-code = wrong code
help-reason-reused-code = a code that was used before
help-reason-factor-not-allowed = that way is not taken there
help-reason-dialog-over = the answer came too late
help-reason-prompt-refused = refused on the phone
help-reason-prompt-expired = nobody answered on the phone
help-reason-prompt-cancelled = the request was withdrawn
help-reason-too-many-prompts = too many requests to the phone
help-reason-already-asking = another request was waiting
help-reason-throttled = too many attempts
help-reason-approved = approved
help-reason-refused = refused
help-reason-fraud-reported = “this wasn’t me”
help-reason-right = right
help-reason-wrong = wrong
help-reason-over = too late

# “This wasn’t me”.
help-not-me-title = Was this not you?
help-not-me-lead = Then somebody may know your password. If you confirm, we do all of this at once:
help-not-me-refused = Requests that wait on your phone are refused.
help-not-me-blocked = Your account is blocked: nobody signs in with it, not even you.
help-not-me-out = You are signed out here and everywhere else.
help-not-me-told = The administrators are told.
help-not-me-next = Afterwards, call your help desk and change your password. Only they can open the account again.
help-not-me-confirm = Block my account
help-blocked-title = Your account is blocked
help-blocked-done = Nobody can sign in with it now. You are signed out everywhere, and the administrators are told.

# Sessions.
help-sessions-lead = If you do not know one of these, end it, and look at what happened.
help-session-this = This browser
help-session-agent-unknown = A browser that does not say what it is
help-session-begun = Signed in
help-session-seen = Last used
help-session-factor = Second factor
help-session-end = End this one
help-session-others = End all others
help-done-session = That browser is signed out.
help-done-sessions = All other browsers are signed out.

# The bypass.
help-bypass-lead = Your next sign-in will not ask for a second factor, if it comes in time. Every bypass is recorded and reported.
help-bypass-lasts = It waits { $minutes } minutes to be used.
help-bypass-minutes = For how many minutes (1 to { $most })
help-bypass-reason = Why you need it
help-bypass-start = Start the bypass
help-bypass-runs = A bypass waits to be used until { $until } (UTC).
help-bypass-end = End it now
help-bypass-bad-length = Choose between 1 and { $most } minutes.
help-bypass-bad-reason = Say in a few words why you need it.
help-bypass-not-proven = You came in with a recovery code or a bypass. Sign in with your phone, passkey or token to start another.
help-done-bypass = The bypass has begun.
help-done-bypass-ended = The bypass is over.

# Language.
help-language-do = Choose the language of these pages
help-language-auto = As my organisation or my browser says
help-done-language = The language is set.

# Phone numbers.
help-phones-lead = Your organisation keeps these. We show only as much of each as you need to know it. Nothing is sent to them yet.
help-phones-none = We know no phone number of yours.
help-phones-wrong = If a number is wrong, tell your help desk: it is changed where your organisation keeps it.
help-phone-phone = Phone
help-phone-backup = Backup phone
help-phone-mobile = Mobile
help-phone-business = Work
help-phone-home = Home
help-phone-for-calls = for calls and messages, once your organisation offers them
help-phone-for-backup = if the first number does not answer

# Security questions.
help-questions-lead = If you lose everything you sign in with, your password and these answers open a page that helps. They open nothing else.
help-questions-do = Choose { $count } different questions. Capitals and extra blanks do not matter.
help-questions-have = You have set up your questions. New answers take the place of all old ones.
help-question-number = Question { $number }
help-question-choose = Choose a question
help-question-answer = Answer
help-questions-remove = Remove my questions
help-questions-count = Choose { $count } questions and answer each.
help-questions-same-question = Choose each question only once.
help-questions-same-answer = Give each question another answer.
help-questions-too-short = An answer needs at least three letters.
help-questions-too-long = An answer may have no more than 200 characters.
help-questions-letters = Answer in letters and digits, without pictures.
help-done-questions = Your questions are set.
help-done-questions-removed = Your questions are removed.
help-answer-title = Answer your questions
help-answer-lead = The same questions stay until they are answered. Wrong answers count as failed sign-ins.
help-answer-wrong = At least one answer is not right. Please try again.
help-answer-barred = We cannot go on here. Please ask your help desk.
help-question-first-teacher = What was the surname of your first teacher?
help-question-childhood-friend = What was the first name of your best friend as a child?
help-question-first-pet = What was the name of your first pet?
help-question-first-car = What was your first car, make and model?
help-question-first-concert = Who played at the first concert you went to?
help-question-first-job = In which town did you have your first job?
help-question-first-flight = Where did your first flight take you?
help-question-childhood-street = What was the name of the street you grew up in?
help-question-grandmother = What was the first name of your mother’s mother?
help-question-childhood-book = Which book did you love most as a child?
help-question-parents-met = In which town did your parents meet?
help-question-dream-job = What did you want to become as a child?

# A lost device.
help-lost-title = I do not have my device
help-lost-lead = There may be another way in. Try these in turn.
help-lost-code-title = A recovery code
help-lost-code-do = Did you print or save recovery codes? Sign in with your password, and enter one where you are asked for a code. Each works once.
help-lost-other-title = Another way
help-lost-other-do = A second phone, a passkey or a token that you still have: after your password, choose it under “Another way”.
help-lost-questions-do = If you have set up security questions, and your organisation takes them, your password comes first:
help-lost-desk-title = Your help desk
help-lost-desk-do = Call them. They will want to be sure that it is you. Tell them:
help-lost-desk-name = your user name
help-lost-desk-what = what is lost, and since when
help-lost-desk-id = the number of this sign-in: { $id }
help-lost-stolen = If it was stolen, say so first: they can block it at once.
help-lost-back = Back to signing in

# The recovery page.
help-recovery-title = Get help
help-recovery-lead = You have shown that you know your password and your answers. This page opens nothing else; here is what you can do.
help-recovery-devices = What you sign in with
help-recovery-lost = I have lost this one
help-recovery-last = This is the only one, so it cannot be removed here. If somebody else may have it, block your account.
help-done-device = It is removed, and opens nothing any more.
help-recovery-block-do = Nobody signs in with your account until your help desk opens it again.
help-recovery-enrol = Add a new way to sign in

# A new phone.
help-new-phone-lead = Do this while the old phone still works. If it does not, read what to do when a device is lost.
help-new-phone-1 = Open “My authenticators” and add the new phone.
help-new-phone-2 = Prove it there once: approve a test, or enter a code that it shows.
help-new-phone-3 = Sign in once with the new phone.
help-new-phone-4 = Only then remove the old phone from the list.
help-new-phone-5 = Erase the old phone before you give it away.
help-new-phone-go = My authenticators
help-reason-wrong-pin = the PIN was not right
help-what-pin-set = Your PIN was set
help-what-pin-cleared = Your PIN was removed
