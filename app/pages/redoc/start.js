Redoc.init("../openapi.json", { disableSearch: true, disableGoogleFont: true }, document.getElementById("page"));
