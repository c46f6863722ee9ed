# Con qué se inicia sesión.
authenticators-title = Mis autenticadores
authenticators-lead = Con ellos demuestra, además de con su contraseña, que es usted.
authenticators-none = No tiene ninguno. Añada uno para que nadie pueda entrar solo con su contraseña.
authenticators-add-title = Añadir un autenticador
authenticators-add-lead = ¿Qué quiere añadir? El más seguro está primero.
authenticators-manage = Cambiar, probar o quitar
authenticators-never = Nunca
authenticators-fact-kind = Tipo
authenticators-fact-added = Añadido
authenticators-fact-used = Último uso
authenticators-kind-app = Teléfono
authenticators-kind-passkey = Llave de acceso
authenticators-kind-totp = Códigos por hora
authenticators-kind-hotp = Códigos por botón
authenticators-kind-serial = { $kind }, número de serie { $serial }
authenticators-preferred = Se pide primero
authenticators-preferred-lead = ¿Qué debemos pedirle primero al iniciar sesión?
authenticators-copy = Copiar
authenticators-copied = Copiado
authenticators-print = Imprimir

# Nombres.
authenticators-label = Nombre
authenticators-label-hint = Para reconocerlo, por ejemplo «mi teléfono». Puede dejarlo vacío.
authenticators-label-empty = Póngale un nombre.
authenticators-label-long = El nombre es demasiado largo: puede tener 60 caracteres.
authenticators-label-hidden = El nombre contiene caracteres que no se ven. Escríbalo de nuevo.

# Una aplicación de autenticación.
authenticators-totp-title = Aplicación de autenticación
authenticators-totp-lead = Necesita una aplicación de autenticación en su teléfono. Si no tiene ninguna, instale una primero.
authenticators-totp-label-usual = Aplicación de autenticación
authenticators-totp-open = Abra su aplicación de autenticación y elija añadir una cuenta.
authenticators-totp-scan = Escanee con ella esta imagen:
authenticators-totp-picture = Código QR para su aplicación de autenticación
authenticators-totp-here = Abrirlo en la aplicación de este dispositivo
authenticators-totp-type = O escriba esta clave en la aplicación:
authenticators-totp-account = La aplicación llamará a la cuenta { $account }.
authenticators-totp-code = El código que la aplicación muestra ahora
authenticators-totp-code-hint = Seis cifras. Los espacios no importan.
authenticators-totp-prove = Comprobar y añadir
authenticators-totp-wrong = Ese no es el código que la aplicación debería mostrar. Compruebe que el reloj de su teléfono va bien, espere al código siguiente y escríbalo.
authenticators-totp-called = Nombre: { $label }. Solo cuenta cuando un código ha sido correcto; hasta entonces nada ha cambiado.
authenticators-totp-discard = Descartar y empezar de nuevo

# Un token físico.
authenticators-token-title = Token físico
authenticators-token-lead = Demuestre que tiene el token en sus manos: dé su número de serie y dos códigos, uno tras otro.
authenticators-token-serial = Número de serie
authenticators-token-serial-hint = Está impreso detrás del token.
authenticators-token-label-usual = Token físico
authenticators-token-claim = Comprobar y añadir
authenticators-token-malformed = Un código tiene de seis a ocho cifras. Escriba los dos códigos como los muestra el token.
authenticators-token-no-match = Ningún token libre con este número de serie muestra estos dos códigos uno tras otro. Compruebe el número y dé dos códigos seguidos.
authenticators-first-code = Primer código
authenticators-second-code = El código siguiente
authenticators-second-code-hint = Espere a que el token muestre otro código, o pulse otra vez su botón.

# Qué puede estar mal en un código.
authenticators-code-length = El código tiene { $count } cifras.
authenticators-code-digits = Un código solo tiene cifras.
authenticators-code-wrong = Este código no es correcto.
authenticators-code-used = Este código era correcto y ya se ha usado. Espere al siguiente.
authenticators-code-drifted = Este código no es correcto ahora, pero lo sería unos minutos antes o después: el reloj se ha desviado. Encuéntrelo abajo con dos códigos.
authenticators-wait = { $count ->
    [one] Hubo demasiados códigos incorrectos. Dentro de un minuto puede intentarlo de nuevo.
   *[other] Hubo demasiados códigos incorrectos. Dentro de { $count } minutos puede intentarlo de nuevo.
}
authenticators-too-many-pending = Ha empezado tres veces y no ha terminado ninguna. Descarte primero una.

# Uno de ellos.
authenticators-one-title = Autenticador
authenticators-rename = Cambiar el nombre
authenticators-test = Probar
authenticators-test-lead = Escriba un código que muestre ahora. Sabrá si es correcto; no inicia sesión con él, y el código queda gastado.
authenticators-test-button = Probar
authenticators-resync = Encontrarlo de nuevo
authenticators-resync-lead = Si sus códigos se rechazan siempre, se ha desviado. Dos códigos, uno tras otro, muestran dónde está.
authenticators-resync-button = Encontrarlo
authenticators-remove-title = Quitar
authenticators-remove-ask = ¿Quiere quitar { $label }? Entonces ya no podrá iniciar sesión con él.
authenticators-remove-last = Es el último que tiene. Sin él no entrará donde haga falta un segundo paso; entonces solo ayudan un código de recuperación o su servicio de asistencia.
authenticators-remove-last-yes = Lo entiendo. Quitarlo de todos modos.
authenticators-remove-tick = Es el último que tiene. Marque la casilla si quiere quitarlo de todos modos.

# Un teléfono con la aplicación.
authenticators-app-title = Teléfono con la aplicación
authenticators-app-lead = Recibe un código que conecta un teléfono con su cuenta. Sirve una vez, durante diez minutos.
authenticators-app-make = Crear un código
authenticators-app-scan = Escanee esta imagen con su teléfono:
authenticators-app-picture = Código QR que conecta su teléfono
authenticators-app-here = Abrirlo en este dispositivo
authenticators-app-type = O escriba este código en la aplicación:
authenticators-app-until = El código sirve hasta { $until } UTC. Solo se muestra ahora.
authenticators-app-look = ¿Ha funcionado?
authenticators-app-cancel = Retirar el código
authenticators-app-waiting = El código espera a su teléfono.
authenticators-app-used = Su teléfono está conectado.
authenticators-app-expired = El código no se usó a tiempo. Cree otro.
authenticators-app-cancelled = El código se ha retirado.
authenticators-app-too-many = Ya tiene { $count } teléfonos, y no puede tener más. Quite primero uno.

# Códigos de recuperación.
authenticators-codes-title = Códigos de recuperación
authenticators-codes-why = Los códigos de recuperación le dejan entrar el día en que pierda el teléfono. Cada uno de los diez sirve una vez. Guárdelos aparte del teléfono, en papel o en un gestor de contraseñas.
authenticators-codes-left = { $count ->
    [0] No le queda ningún código de recuperación.
    [one] Le queda un código de recuperación.
   *[other] Le quedan { $count } códigos de recuperación.
}
authenticators-codes-low = Cree códigos de recuperación nuevos mientras aún puede iniciar sesión.
authenticators-codes-link = Mis códigos de recuperación
authenticators-codes-used = Usados
authenticators-codes-void = Los códigos nuevos anulan enseguida los antiguos.
authenticators-codes-make = Mostrar códigos nuevos
authenticators-codes-skip = Seguir sin ellos
authenticators-codes-once = Estos códigos solo se muestran ahora. Guárdelos antes de seguir.
authenticators-codes-how = Para usar uno, escríbalo donde se le pida un código.
authenticators-codes-download = Descargar
authenticators-codes-kept = Los he guardado
authenticators-codes-file = Códigos de recuperación. Cada uno sirve una vez. Guarde este archivo donde nadie más pueda leerlo.

# Lo que se acaba de hacer.
authenticators-done-added = Está añadido.
authenticators-done-renamed = Ya tiene su nombre nuevo.
authenticators-done-removed = Está quitado.
authenticators-done-preferred = A partir de ahora se le pedirá primero.
authenticators-done-right = El código era correcto.
authenticators-done-found = Se ha encontrado de nuevo; sus códigos son correctos desde ahora.
authenticators-done-gone = Lo que empezó quedó demasiado tiempo sin terminar. Empiece de nuevo.
