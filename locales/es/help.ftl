# La vista general.
help-security-title = Seguridad
help-security-lead = Vea qué ocurrió con su cuenta y esté preparado para el día en que pierda su teléfono.
help-history-title = Qué ocurrió
help-history-about = Inicios de sesión, solicitudes a su teléfono y cambios
help-sessions-title = Dónde tiene la sesión abierta
help-sessions-about = Navegadores con sesión abierta en este portal
help-bypass-title = Excepción de un solo uso
help-bypass-about = Entre una vez sin su segundo factor
help-language-title = Idioma
help-language-about = El idioma de estas páginas y de nuestro correo
help-phones-title = Números de teléfono
help-phones-about = Los números que su organización tiene de usted
help-questions-title = Preguntas de seguridad
help-questions-about = Para el día en que no tenga otra cosa con que iniciar sesión
help-new-phone-title = Cambiar a un teléfono nuevo
help-new-phone-about = Paso a paso, mientras aún tiene el antiguo

# El historial.
help-history-lead = Lo más reciente va primero. Las horas son en UTC. Si algo no fue usted, dígalo.
help-history-empty = Aún no hay nada registrado.
help-history-older = Anteriores
help-history-newest = Volver a los más recientes
help-history-pages = Páginas del historial
help-column-time = Hora
help-column-what = Qué
help-column-to = Destino
help-column-from = Desde
help-column-do = ¿No fue usted?
help-was-not-me = No fui yo
help-client-portal = Este portal
help-place-same = La misma dirección que ahora ({ $address })
help-place-trusted = Una red de confianza ({ $address })
help-place-unknown = No se sabe
help-by-administrator = por un administrador

# Lo que puede ocurrir.
help-what-granted = Sesión iniciada
help-what-denied = Inicio de sesión rechazado
help-what-prompt-sent = Solicitud en su teléfono
help-what-prompt-answered = Respuesta en su teléfono
help-what-locked-out = Bloqueado tras demasiados fallos
help-what-enrolled = Se añadió una forma de iniciar sesión
help-what-enrolment = Admitido para configurar una primera forma de iniciar sesión
help-what-enrolment-begun = Se empezó una forma de iniciar sesión
help-what-authenticator-renamed = Se cambió el nombre de una forma de iniciar sesión
help-what-authenticator-removed = Se quitó una forma de iniciar sesión
help-what-authenticator-tested = Se probó una forma de iniciar sesión
help-what-codes-throttled = Demasiados códigos incorrectos
help-what-activation-made = Se creó un código para un teléfono nuevo
help-what-activation-cancelled = Se retiró un código para un teléfono nuevo
help-what-activation-used = Se conectó un teléfono nuevo
help-what-activation-reused = Un código para un teléfono nuevo se usó por segunda vez
help-what-enrolment-link-made = Se envió un enlace de configuración
help-what-enrolment-link-used = Se usó un enlace para configurar una manera de iniciar sesión
help-what-factor-preferred = Se eligió qué se pide primero
help-what-token-claimed = Se puso en uso un token físico
help-what-user-removed = Se eliminó la cuenta
help-what-recovery-codes-made = Se crearon códigos de recuperación nuevos
help-what-resynchronised = Se volvió a sincronizar un token
help-what-bypass-granted = Empezó una excepción de un solo uso
help-what-bypass-ended = Se retiró una excepción de un solo uso
help-what-fraud-reported = Se avisó: «No fui yo»
help-what-security-questions-set = Se definieron preguntas de seguridad
help-what-security-questions-removed = Se quitaron las preguntas de seguridad
help-what-security-questions-answered = Se respondieron las preguntas de seguridad
help-what-language-chosen = Se eligió el idioma
help-what-sessions-ended = Se cerraron sesiones de navegadores
help-what-password-changed = Se cambió la contraseña
help-what-user-imported = Se incorporó la cuenta
help-what-phone-set = Se anotó un número de teléfono
help-what-user-enabled = Se activó la cuenta
help-what-user-disabled = Se desactivó la cuenta
help-what-user-blocked = Se bloqueó la cuenta
help-what-user-unlocked = Se volvió a abrir la cuenta
help-what-user-reset = Se quitaron todas las formas de iniciar sesión
help-what-other = Otra cosa: { $event }

# En qué se basa un resultado.
help-reason-app = aprobado en el teléfono
help-reason-passkey = clave de acceso
help-reason-totp = código de una aplicación
help-reason-hotp = código de un token
help-reason-recovery-code = código de recuperación
help-reason-bypass = excepción de un solo uso
help-reason-grace = de nuevo al momento
help-reason-service-account = cuenta de servicio
help-reason-trusted-network = desde una red de confianza
help-reason-not-enrolled = sin segundo factor
help-reason-first-enrolment = solo con la contraseña
help-reason-wrong-passkey = la clave de acceso no era correcta
help-reason-copied-passkey = puede que se haya copiado la clave de acceso
help-reason-wrong-password = contraseña incorrecta
help-reason-password-expired = la contraseña ha caducado
help-reason-not-one-entry = el nombre no era único
help-reason-unknown-user = cuenta desconocida
help-reason-no-factor = ningún segundo factor que valga allí
help-reason-must-enrol = antes hay que configurar un segundo factor
help-reason-disabled = la cuenta estaba desactivada
help-reason-disabled-in-directory = la cuenta estaba desactivada en el directorio
help-reason-expired-in-directory = la cuenta ha caducado en el directorio
help-reason-blocked = la cuenta estaba bloqueada
help-reason-locked-out = bloqueo temporal
help-reason-missing-code = no se dio ningún código
help-reason-wrong-code = código incorrecto
help-reason-reused-code = un código ya usado
help-reason-factor-not-allowed = esa forma no vale allí
help-reason-dialog-over = la respuesta llegó tarde
help-reason-prompt-refused = rechazado en el teléfono
help-reason-prompt-expired = sin respuesta en el teléfono
help-reason-prompt-cancelled = la solicitud se retiró
help-reason-too-many-prompts = demasiadas solicitudes al teléfono
help-reason-already-asking = había otra solicitud en espera
help-reason-throttled = demasiados intentos
help-reason-approved = aprobada
help-reason-refused = rechazada
help-reason-fraud-reported = «no fui yo»
help-reason-right = correcto
help-reason-wrong = incorrecto
help-reason-over = demasiado tarde

# «No fui yo».
help-not-me-title = ¿No fue usted?
help-not-me-lead = Entonces quizá alguien conoce su contraseña. Si confirma, hacemos todo esto de inmediato:
help-not-me-refused = Se rechazan las solicitudes en espera en su teléfono.
help-not-me-blocked = Su cuenta queda bloqueada: nadie entra con ella, ni siquiera usted.
help-not-me-out = Se cierra su sesión aquí y en todas partes.
help-not-me-told = Se avisa a los administradores.
help-not-me-next = Después, llame a su servicio de asistencia y cambie su contraseña. Solo allí pueden volver a abrir la cuenta.
help-not-me-confirm = Bloquear mi cuenta
help-blocked-title = Su cuenta está bloqueada
help-blocked-done = Nadie puede entrar con ella ahora. Se cerraron todas sus sesiones y los administradores están avisados.

# Sesiones.
help-sessions-lead = Si no reconoce alguna, termínela y vea qué ocurrió.
help-session-this = Este navegador
help-session-agent-unknown = Un navegador que no dice qué es
help-session-begun = Inicio
help-session-seen = Último uso
help-session-factor = Segundo factor
help-session-end = Terminar esta
help-session-others = Terminar todas las demás
help-done-session = Se cerró la sesión de ese navegador.
help-done-sessions = Se cerró la sesión de todos los demás navegadores.

# La excepción.
help-bypass-lead = Su próximo inicio de sesión no pedirá un segundo factor si llega a tiempo. Cada excepción se registra y se comunica.
help-bypass-lasts = Espera { $minutes } minutos a ser usada.
help-bypass-minutes = Durante cuántos minutos (de 1 a { $most })
help-bypass-reason = Para qué la necesita
help-bypass-start = Empezar la excepción
help-bypass-runs = Una excepción espera a ser usada hasta las { $until } (UTC).
help-bypass-end = Terminarla ahora
help-bypass-bad-length = Elija entre 1 y { $most } minutos.
help-bypass-bad-reason = Diga en pocas palabras para qué la necesita.
help-bypass-not-proven = Entró con un código de recuperación o una excepción. Inicie sesión con su teléfono, clave de acceso o token para empezar otra.
help-done-bypass = La excepción ha empezado.
help-done-bypass-ended = La excepción ha terminado.

# Idioma.
help-language-do = Elija el idioma de estas páginas
help-language-auto = Según mi organización o mi navegador
help-done-language = El idioma está definido.

# Números de teléfono.
help-phones-lead = Su organización los guarda. Mostramos solo lo necesario para reconocerlos. Todavía no se envía nada a ellos.
help-phones-none = No conocemos ningún número suyo.
help-phones-wrong = Si un número está mal, dígaselo a su servicio de asistencia: se cambia donde su organización lo guarda.
help-phone-phone = Teléfono
help-phone-backup = Teléfono de reserva
help-phone-mobile = Móvil
help-phone-business = Trabajo
help-phone-home = Casa
help-phone-for-calls = para llamadas y mensajes, cuando su organización los ofrezca
help-phone-for-backup = si el primer número no responde

# Preguntas de seguridad.
help-questions-lead = Si pierde todo aquello con lo que inicia sesión, su contraseña y estas respuestas abren una página de ayuda. No abren nada más.
help-questions-do = Elija { $count } preguntas distintas. Las mayúsculas y los espacios de más no importan.
help-questions-have = Sus preguntas están definidas. Las respuestas nuevas sustituyen a todas las anteriores.
help-question-number = Pregunta { $number }
help-question-choose = Elija una pregunta
help-question-answer = Respuesta
help-questions-remove = Quitar mis preguntas
help-questions-count = Elija { $count } preguntas y responda a cada una.
help-questions-same-question = Elija cada pregunta una sola vez.
help-questions-same-answer = Dé una respuesta distinta a cada pregunta.
help-questions-too-short = Una respuesta necesita al menos tres letras.
help-questions-too-long = Una respuesta no puede tener más de 200 caracteres.
help-questions-letters = Responda con letras y números, sin dibujos.
help-done-questions = Sus preguntas están definidas.
help-done-questions-removed = Sus preguntas se han quitado.
help-answer-title = Responda a sus preguntas
help-answer-lead = Las preguntas son las mismas hasta que se responden. Las respuestas incorrectas cuentan como inicios de sesión fallidos.
help-answer-wrong = Al menos una respuesta no es correcta. Vuelva a intentarlo.
help-answer-barred = No podemos seguir aquí. Pida ayuda a su servicio de asistencia.
help-question-first-teacher = ¿Cuál era el apellido de su primer maestro?
help-question-childhood-friend = ¿Cómo se llamaba su mejor amigo de la infancia?
help-question-first-pet = ¿Cómo se llamaba su primera mascota?
help-question-first-car = ¿Cuál fue su primer coche, marca y modelo?
help-question-first-concert = ¿Quién tocaba en el primer concierto al que fue?
help-question-first-job = ¿En qué ciudad tuvo su primer empleo?
help-question-first-flight = ¿Adónde fue su primer vuelo?
help-question-childhood-street = ¿Cómo se llamaba la calle donde creció?
help-question-grandmother = ¿Cuál era el nombre de pila de la madre de su madre?
help-question-childhood-book = ¿Qué libro le gustaba más de niño?
help-question-parents-met = ¿En qué ciudad se conocieron sus padres?
help-question-dream-job = ¿Qué quería ser de niño?

# Un dispositivo perdido.
help-lost-title = No tengo mi dispositivo
help-lost-lead = Puede que haya otra forma de entrar. Pruebe por orden.
help-lost-code-title = Un código de recuperación
help-lost-code-do = ¿Imprimió o guardó códigos de recuperación? Inicie sesión con su contraseña e introduzca uno donde se le pida un código. Cada uno sirve una vez.
help-lost-other-title = Otra forma
help-lost-other-do = Un segundo teléfono, una clave de acceso o un token que aún tenga: tras la contraseña, elíjalo en «Otra forma».
help-lost-questions-do = Si ha definido preguntas de seguridad y su organización las admite, primero va su contraseña:
help-lost-desk-title = Su servicio de asistencia
help-lost-desk-do = Llame. Querrán asegurarse de que es usted. Dígales:
help-lost-desk-name = su nombre de usuario
help-lost-desk-what = qué ha perdido y desde cuándo
help-lost-desk-id = el número de este inicio de sesión: { $id }
help-lost-stolen = Si se lo robaron, dígalo primero: pueden bloquearlo de inmediato.
help-lost-back = Volver a iniciar sesión

# La página de recuperación.
help-recovery-title = Obtener ayuda
help-recovery-lead = Ha demostrado que conoce su contraseña y sus respuestas. Esta página no abre nada más; esto es lo que puede hacer.
help-recovery-devices = Con qué inicia sesión
help-recovery-lost = He perdido este
help-recovery-last = Es el único, así que no se puede quitar aquí. Si quizá lo tiene otra persona, bloquee su cuenta.
help-done-device = Se ha quitado y ya no abre nada.
help-recovery-block-do = Nadie entra con su cuenta hasta que su servicio de asistencia la vuelva a abrir.
help-recovery-enrol = Añadir una forma nueva de iniciar sesión

# Un teléfono nuevo.
help-new-phone-lead = Hágalo mientras el teléfono antiguo aún funcione. Si no, lea qué hacer cuando se pierde un dispositivo.
help-new-phone-1 = Abra «Mis autenticadores» y añada el teléfono nuevo.
help-new-phone-2 = Compruébelo allí una vez: apruebe una prueba o introduzca un código que muestre.
help-new-phone-3 = Inicie sesión una vez con el teléfono nuevo.
help-new-phone-4 = Solo entonces quite el teléfono antiguo de la lista.
help-new-phone-5 = Borre el teléfono antiguo antes de deshacerse de él.
help-new-phone-go = Mis autenticadores
help-reason-wrong-pin = el PIN no era correcto
help-what-pin-set = Se ha establecido su PIN
help-what-pin-cleared = Se ha quitado su PIN
