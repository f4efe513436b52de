"""English words of gender, in pairs: the male word first. Plurals of nouns are made by rule where they are regular."""

PRONOUNS = (("he", "she"), ("himself", "herself"))

NOUNS = (
    *(("man", "woman"), ("boy", "girl"), ("gentleman", "lady"), ("guy", "gal"), ("lad", "lass"), ("male", "female")),
    *(("father", "mother"), ("dad", "mom"), ("daddy", "mommy"), ("papa", "mama"), ("son", "daughter")),
    *(("brother", "sister"), ("uncle", "aunt"), ("nephew", "niece"), ("husband", "wife"), ("bridegroom", "bride")),
    *(("grandfather", "grandmother"), ("grandpa", "grandma"), ("grandson", "granddaughter"), ("widower", "widow")),
    *(("stepfather", "stepmother"), ("stepson", "stepdaughter"), ("stepbrother", "stepsister")),
    *(("boyfriend", "girlfriend"), ("fiancé", "fiancée"), ("godfather", "godmother"), ("godson", "goddaughter")),
    *(("king", "queen"), ("prince", "princess"), ("duke", "duchess"), ("baron", "baroness"), ("emperor", "empress")),
    *(("lord", "lady"), ("monk", "nun"), ("wizard", "witch"), ("god", "goddess")),
    *(("actor", "actress"), ("waiter", "waitress"), ("steward", "stewardess")),
    *(("hero", "heroine"), ("heir", "heiress"), ("landlord", "landlady"), ("headmaster", "headmistress")),
    *(("policeman", "policewoman"), ("fireman", "firewoman"), ("salesman", "saleswoman"), ("chairman", "chairwoman")),
    *(("businessman", "businesswoman"), ("congressman", "congresswoman"), ("spokesman", "spokeswoman")),
    *(("cameraman", "camerawoman"), ("mailman", "mailwoman"), ("craftsman", "craftswoman"), ("cowboy", "cowgirl")),
    *(("councilman", "councilwoman"), ("sportsman", "sportswoman"), ("horseman", "horsewoman")),
    *(("schoolboy", "schoolgirl"), ("manhood", "womanhood"), ("fatherhood", "motherhood"), ("boyhood", "girlhood")),
    *(("brotherhood", "sisterhood"), ("masculinity", "femininity"), ("bachelor", "bachelorette")),
    *(("masseur", "masseuse"), ("sorcerer", "sorceress"), ("seamster", "seamstress")),
)

ADJECTIVES = (
    *(("masculine", "feminine"), ("fatherly", "motherly"), ("brotherly", "sisterly"), ("paternal", "maternal")),
    *(("manly", "womanly"), ("boyish", "girlish"), ("fatherless", "motherless"), ("paternity", "maternity")),
)

TITLES = (("mr", "mrs"), ("sir", "madam"))

IRREGULAR = {"wife": "wives", "heiress": "heiresses"}

# Words after which "her" is him, and "his" stands alone: nothing that is owned follows.
NOT_OWNED = frozenset(
    """
    a an the this that these those and or but nor so yet if because while when where who which what how why than as
    to of in on at by for from with about into onto over under after before between through during without within
    against toward towards until since near off out up down away back again is are was were be been being am do does
    did has have had will would can could shall should may might must not never always often very too also just now
    then there here yesterday today tomorrow soon later once twice i you he she it we they me him us them my your our
    their its mine yours ours theirs himself herself itself and/or because although though unless whether
    go come see hear speak talk think say tell know feel sing dance run walk leave win lose sleep eat cry laugh smile
    came went said told knew ran walked smiled laughed quickly slowly well badly alone
    everything something nothing anything
    """.split()  # noqa: SIM905
)
