home-title = Su cuenta
