# What every mail has.
mail-greeting = Hola, { $name }:
mail-greeting-nobody = Hola:
mail-when = Cuándo
mail-time = { $day } de { $month } de { $year }, { $time } ({ $offset })
mail-client = Dónde
mail-address = Desde la dirección
mail-by = Por
mail-by-person = Usted, o alguien que inició sesión en su nombre
mail-by-administrator = Un administrador
mail-by-appliance = Nadie: ocurrió por sí solo
mail-factor = Forma de iniciar sesión
mail-until = Hasta
mail-not-you = Si no sabe nada de esto, quizá alguien conozca su contraseña. Abra esta página, cambie después su contraseña y llame a su servicio de asistencia:
mail-not-you-action = No he sido yo
mail-last = Este es el último mensaje de hoy: puede haber ocurrido algo más después. La página lo muestra todo.
mail-link = Si el botón no hace nada, copie esta dirección en su navegador:
mail-automatic = Enviado automáticamente por { $host }. Nunca pedimos contraseñas ni códigos por correo.

# Ways to sign in, by the names that the command line has for them.
mail-factor-app = Aplicación en un teléfono
mail-factor-totp = Aplicación de autenticación (códigos)
mail-factor-hotp = Dispositivo que muestra códigos
mail-factor-recovery-code = Código de recuperación
mail-factor-bypass = Permiso de un solo uso
mail-factor-passkey = Llave de acceso

# Months, as they stand in a date.
mail-month-1 = enero
mail-month-2 = febrero
mail-month-3 = marzo
mail-month-4 = abril
mail-month-5 = mayo
mail-month-6 = junio
mail-month-7 = julio
mail-month-8 = agosto
mail-month-9 = septiembre
mail-month-10 = octubre
mail-month-11 = noviembre
mail-month-12 = diciembre

# One subject and one text for each kind of mail.
mail-invited-subject = Configure su segundo paso de inicio de sesión
mail-invited-text = Su organización pide un segundo paso al iniciar sesión. Configurarlo lleva unos dos minutos; tenga su teléfono a mano.
mail-invited-action = Configurar
mail-invited-advice = El enlace es solo para usted y sirve una vez. No reenvíe este mensaje.
mail-enrolled-subject = Su segundo paso de inicio de sesión está configurado
mail-enrolled-text = A partir de ahora lo pediremos al iniciar sesión.
mail-authenticator-added-subject = Se añadió una forma de iniciar sesión a su cuenta
mail-authenticator-added-text = Desde ahora sirve para iniciar sesión en su cuenta.
mail-authenticator-removed-subject = Se quitó una forma de iniciar sesión de su cuenta
mail-authenticator-removed-text = Ya no sirve para iniciar sesión.
mail-factors-reset-subject = Se quitaron todas las formas de iniciar sesión de su cuenta
mail-factors-reset-text = Debe configurar de nuevo su segundo paso de inicio de sesión.
mail-recovery-code-used-subject = Se usó uno de sus códigos de recuperación
mail-recovery-code-used-text = { $count ->
    [0] Era el último. Cree otros pronto.
    [one] Queda uno. Cree otros pronto.
   *[other] Quedan { $count }.
    }
mail-recovery-codes-made-subject = Tiene nuevos códigos de recuperación
mail-recovery-codes-made-text = Son { $count }. Los antiguos ya no sirven.
mail-bypass-started-subject = Puede iniciar sesión una vez sin segundo paso
mail-bypass-started-text = Basta su contraseña, una vez, hasta la hora indicada.
mail-sign-in-reported-subject = Su cuenta está bloqueada
mail-sign-in-reported-text = Se notificó que un inicio de sesión no era suyo; ahora nadie puede entrar en su cuenta. Su servicio de asistencia la abrirá de nuevo.
mail-password-changed-subject = Se cambió su contraseña
mail-password-changed-text = La anterior ya no sirve.
mail-locked-out-subject = Demasiados códigos erróneos: su cuenta está bloqueada
mail-locked-out-text = Se abrirá por sí sola a la hora indicada.
mail-locked-out-for-good = Seguirá así hasta que su servicio de asistencia la abra.
mail-test-subject = Una prueba
mail-test-text = Si puede leer esto, el correo funciona.
