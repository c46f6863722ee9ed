# The wizard of a first enrolment.
enrol-steps = Steps
enrol-step-begin = Begin
enrol-step-choose = Choose
enrol-step-add = Add and try
enrol-step-codes = Recovery codes

enrol-intro-title = Protect your account
enrol-intro-why = A password can be guessed or stolen. With a second step that only you have, nobody else can sign in as you.
enrol-intro-how = It takes about two minutes. You choose what fits you, add it, and try it once. You can stop at any time and go on later.
enrol-intro-begun = You have begun already. What you began is still here.
enrol-intro-go-on = Go on
enrol-intro-choose = Choose something else

enrol-choose-title = Choose your second step
enrol-choose-lead = The strongest comes first. You can add more later.
enrol-choose-none = Your organisation does not let you add anything here. Please ask your help desk.
enrol-choose-app-off = Approving sign-ins with one tap on a phone is not switched on here.
enrol-way-passkey = Passkey
enrol-way-passkey-about = Your fingerprint, your face or the PIN of your device, or a security key. It cannot be tricked by a false page, and there is nothing to type.
enrol-way-totp = Authenticator app
enrol-way-totp-about = An app on your phone, such as Aegis, Google Authenticator or Microsoft Authenticator, shows a new code every 30 seconds. It works without a network.
enrol-way-hardware-token = Hardware token
enrol-way-hardware-token-about = A small device with a display that your organisation gave you. You need the serial number on its back.

enrol-taken-title = Somebody was quicker
enrol-taken-what = While you were here, a second step was added to your account by somebody else who knows your password, or by you at another place. What you began here was dropped.
enrol-taken-do = If that was you, sign in with it. If it was not, tell your help desk at once and change your password.

enrol-done-title = Your account is protected
enrol-done-what = From now on you are asked for your second step when you sign in.
enrol-done-second = Phones get lost. Add a second way now, and you will not be locked out on that day.
enrol-done-add = Add a second way
enrol-done-later = Later

# An administrator's link.
enrol-link-title = You are invited
enrol-link-open = This link lets { $name } add a second step to the account.
enrol-link-password = Sign in with your organisation's user name and password to begin. The link serves once; opening it does not use it up.
enrol-link-used = This link was used already. If you added a second step with it, just sign in. If that was not you, tell your help desk at once.
enrol-link-expired = This link is too old. Ask whoever sent it for a new one.
enrol-link-unknown = This link is not complete, or a newer one has taken its place. Use the newest link you have, the whole of it, or ask for a new one.
