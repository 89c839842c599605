"""What the golden bundle's made-up users like: apart, so that tests may know it without torch."""

# taste → (tags of products, tags of videos); a few stand in both, as in life.
TASTES = {
    "cooking": (
        "wok,chef knife,noodles,chili oil,rice cooker,soy sauce",
        "street food,night market,noodles,home cooking,recipe,dumplings",
    ),
    "beauty": (
        "lipstick,face mask,eyeliner,sunscreen,hair dryer,nail polish",
        "makeup tutorial,skincare routine,lipstick,hairstyle,get ready with me,nail art",
    ),
    "fitness": (
        "yoga mat,dumbbell,running shoes,protein powder,jump rope,sports bra",
        "home workout,yoga mat,marathon,stretching,gym,weight loss",
    ),
    "gaming": (
        "game console,headset,mechanical keyboard,graphics card,gaming chair,controller",
        "speedrun,esports,game review,controller,let's play,unboxing",
    ),
    "pets": (
        "cat litter,dog leash,pet bed,catnip,aquarium,dog treats",
        "kitten,puppy,catnip,dog training,funny animals,rescue story",
    ),
    "travel": (
        "suitcase,travel pillow,tent,hiking boots,camera,sleeping bag",
        "road trip,hidden beach,camping,tent,city walk,mountain view",
    ),
}
