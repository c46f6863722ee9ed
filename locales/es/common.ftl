# Lo que tiene cada página.
common-product = Vestibule
common-skip = Ir al contenido
common-language = Idioma
common-sign-out = Cerrar sesión
common-signed-in-as = Sesión iniciada como { $name }
common-home = Inicio
common-back = Atrás
common-continue = Continuar
common-cancel = Cancelar
common-save = Guardar
common-remove = Quitar
common-menu = Menú principal
common-problem = Hay un problema
common-code-label = Código
common-sign-in-id = Si pide ayuda, indique este número: { $id }
common-try-again = Volver a intentar
common-only-javascript = Esto necesita JavaScript, que está desactivado en este navegador.

# Páginas para lo que salió mal.
common-not-found-title = Esta página no existe
common-not-found = Puede que la dirección esté mal escrita o que la página ya no exista.
common-stale-title = Esta página estuvo abierta demasiado tiempo
common-stale = No se ha cambiado nada. Vuelva atrás, cargue la página de nuevo y repita el paso.
common-foreign-title = Esto no venía de nuestra propia página
common-foreign = Por su seguridad no se ha cambiado nada. Abra la página de nuevo y repita el paso.
common-too-large-title = Es demasiado de una vez
common-too-large = La página envió más de lo que aceptamos. No se ha cambiado nada.
common-busy-title = Ahora mismo no podemos responder
common-busy = Una parte que necesitamos no responde. No se ha cambiado nada y nada cuenta en su contra. Inténtelo de nuevo en un minuto.
common-host-title = Esta no es la dirección correcta
common-host = Use la dirección que le dio su organización: { $url }
common-forbidden-title = Esto está desactivado
common-forbidden = Su organización no ofrece esto aquí.
