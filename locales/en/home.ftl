home-title = Your account
