# El asistente de la primera inscripción.
enrol-steps = Pasos
enrol-step-begin = Empezar
enrol-step-choose = Elegir
enrol-step-add = Añadir y probar
enrol-step-codes = Códigos de recuperación

enrol-intro-title = Proteja su cuenta
enrol-intro-why = Una contraseña se puede adivinar o robar. Con un segundo paso que solo usted tiene, nadie más puede iniciar sesión en su nombre.
enrol-intro-how = Se tarda unos dos minutos. Elige lo que le conviene, lo añade y lo prueba una vez. Puede parar en cualquier momento y seguir más tarde.
enrol-intro-begun = Ya ha empezado. Lo que empezó sigue aquí.
enrol-intro-go-on = Seguir
enrol-intro-choose = Elegir otra cosa

enrol-choose-title = Elija su segundo paso
enrol-choose-lead = El más seguro está primero. Más tarde puede añadir otros.
enrol-choose-none = Su organización no le permite añadir nada aquí. Pregunte a su servicio de asistencia.
enrol-choose-app-off = Aprobar inicios de sesión con un toque en el teléfono no está activado aquí.
enrol-way-passkey = Llave de acceso
enrol-way-passkey-about = Su huella, su cara o el PIN de su dispositivo, o una llave de seguridad. Ninguna página falsa puede engañarla, y no hay nada que escribir.
enrol-way-totp = Aplicación de autenticación
enrol-way-totp-about = Una aplicación en su teléfono, como Aegis, Google Authenticator o Microsoft Authenticator, muestra un código nuevo cada 30 segundos. Funciona sin red.
enrol-way-hardware-token = Token físico
enrol-way-hardware-token-about = Un pequeño aparato con pantalla que le dio su organización. Necesita el número de serie que lleva detrás.

enrol-taken-title = Alguien fue más rápido
enrol-taken-what = Mientras estaba aquí, alguien que conoce su contraseña añadió un segundo paso a su cuenta, o lo hizo usted en otro sitio. Lo que empezó aquí se ha descartado.
enrol-taken-do = Si fue usted, inicie sesión con él. Si no lo fue, avise enseguida a su servicio de asistencia y cambie su contraseña.

enrol-done-title = Su cuenta está protegida
enrol-done-what = A partir de ahora se le pedirá su segundo paso al iniciar sesión.
enrol-done-second = Los teléfonos se pierden. Añada ahora una segunda manera y ese día no se quedará fuera.
enrol-done-add = Añadir una segunda manera
enrol-done-later = Más tarde

# El enlace de un administrador.
enrol-link-title = Tiene una invitación
enrol-link-open = Con este enlace, { $name } puede añadir un segundo paso a la cuenta.
enrol-link-password = Para empezar, inicie sesión con el nombre de usuario y la contraseña de su organización. El enlace sirve una vez; abrirlo no lo gasta.
enrol-link-used = Este enlace ya se usó. Si añadió con él un segundo paso, inicie sesión sin más. Si no fue usted, avise enseguida a su servicio de asistencia.
enrol-link-expired = Este enlace es demasiado antiguo. Pida uno nuevo a quien se lo envió.
enrol-link-unknown = Este enlace no está completo, o uno más reciente lo ha sustituido. Use el más reciente que tenga, entero, o pida uno nuevo.
